"""What an operator counts. Labels are bounded: route templates and tool names, never what a caller sent."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from starlette.responses import Response

LATENCY_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """One registry for one app; the label lookups are kept, because they cost more than the counting."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "smeboost_requests", "Requests answered", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "smeboost_request_seconds",
            "Time to the end of the answer",
            ("route",),
            buckets=LATENCY_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self._cache = Counter(
            "smeboost_cache_lookups", "Lookups in the response cache", ("server", "outcome"), registry=self.registry
        )
        self._tools = Counter(
            "smeboost_tool_calls", "Tool calls made", ("server", "tool", "outcome"), registry=self.registry
        )
        self._degraded = Counter(
            "smeboost_degraded", "Things left undone on purpose", ("what",), registry=self.registry
        )
        self._cache_children: dict[tuple[str, bool], Counter] = {}
        self._request_children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (method, route, status)
        children = self._request_children.get(key)
        if children is None:
            children = (self._requests.labels(method, route, str(status)), self._seconds.labels(route))
            self._request_children[key] = children
        children[0].inc()
        children[1].observe(seconds)

    def cache(self, server: str, *, hit: bool) -> None:
        """Count one lookup."""
        child = self._cache_children.get((server, hit))
        if child is None:
            child = self._cache_children[server, hit] = self._cache.labels(server, "hit" if hit else "miss")
        child.inc()

    def tool_call(self, server: str, tool: str, outcome: str) -> None:
        """Count one call; `outcome` is `ok` or the code of its error."""
        self._tools.labels(server, tool, outcome).inc()

    def degraded(self, what: str) -> None:
        """Count something that was left undone on purpose."""
        self._degraded.labels(what).inc()

    def response(self) -> Response:
        """All numbers in Prometheus' text format."""
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)
