"""What an operator counts. Labels are bounded: route templates and tool names, never what a caller sent.

Counting is on the way of every request, reading happens every few seconds: so plain numbers are counted here, and the
client library's objects are made only when somebody reads. An app counts on one event loop, so nothing is locked.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from starlette.responses import Response

LATENCY_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Latencies:
    """A histogram of one route: how many requests ended in each bucket, and how long all took."""

    def __init__(self) -> None:
        self.counts = [0] * (len(LATENCY_BUCKETS_SECONDS) + 1)
        self.sum_seconds = 0.0

    def buckets(self) -> list[tuple[str, float]]:
        """The upper bounds, each with the number of requests at or below it."""
        names = [*(str(bound) for bound in LATENCY_BUCKETS_SECONDS), "+Inf"]
        return list(zip(names, accumulate(float(count) for count in self.counts), strict=True))


class Metrics:
    """The numbers of one app."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._latencies: dict[str, Latencies] = {}
        self._lookups: Counter[tuple[str, bool]] = Counter()
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._degraded: Counter[str] = Counter()
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._requests[method, route, status] += 1
        latencies = self._latencies.get(route)
        if latencies is None:
            latencies = self._latencies[route] = Latencies()
        latencies.counts[bisect_left(LATENCY_BUCKETS_SECONDS, seconds)] += 1
        latencies.sum_seconds += seconds

    def cache(self, server: str, *, hit: bool) -> None:
        """Count one lookup."""
        self._lookups[server, hit] += 1

    def tool_call(self, server: str, tool: str, outcome: str) -> None:
        """Count one call; `outcome` is `ok` or the code of its error."""
        self._calls[server, tool, outcome] += 1

    def degraded(self, what: str) -> None:
        """Count something that was left undone on purpose."""
        self._degraded[what] += 1

    def response(self) -> Response:
        """All numbers in Prometheus' text format."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    def collect(self) -> Iterable[Metric]:
        """The numbers as the client library wants them (its `Collector` interface)."""
        requests = CounterMetricFamily("smeboost_requests", "Requests answered", labels=("method", "route", "status"))
        for (method, route, status), count in self._requests.items():
            requests.add_metric((method, route, str(status)), count)
        yield requests
        seconds = HistogramMetricFamily("smeboost_request_seconds", "Time to the end of the answer", labels=("route",))
        for route, latencies in self._latencies.items():
            seconds.add_metric((route,), latencies.buckets(), latencies.sum_seconds)
        yield seconds
        lookups = CounterMetricFamily(
            "smeboost_cache_lookups", "Lookups in the response cache", labels=("server", "outcome")
        )
        for (server, hit), count in self._lookups.items():
            lookups.add_metric((server, "hit" if hit else "miss"), count)
        yield lookups
        calls = CounterMetricFamily("smeboost_tool_calls", "Tool calls made", labels=("server", "tool", "outcome"))
        for labels, count in self._calls.items():
            calls.add_metric(labels, count)
        yield calls
        degraded = CounterMetricFamily("smeboost_degraded", "Things left undone on purpose", labels=("what",))
        for what, count in self._degraded.items():
            degraded.add_metric((what,), count)
        yield degraded
