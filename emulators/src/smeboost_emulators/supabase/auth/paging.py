"""Pages of the admin API: `page` and `per_page`, and the headers that say how many there are."""

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request

from smeboost_emulators.intake import whole_number
from smeboost_emulators.supabase.auth.errors import invalid

PAGE_SIZE = 50
PAGE_SIZE_MAX = 1000
PAGE_MAX = 1_000_000


@dataclass(frozen=True)
class Page:
    """The page with this number, beginning with 1, of `size` entries each."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many entries come before."""
        return (self.number - 1) * self.size

    def headers(self, request: Request, total: int) -> dict[str, str]:
        """`X-Total-Count` and `Link` (RFC 8288), which keeps the request's other parameters."""
        last = max(1, -(-total // self.size))
        targets = {"next": self.number + 1, "last": last} if self.number < last else {"last": last}
        path = request.url.path.partition("/auth/v1")[2]
        others = [(name, value) for name, value in request.query_params.multi_items() if name not in _OWN]
        links = [
            f'<{path}?{urlencode([("page", number), ("per_page", self.size), *others])}>; rel="{name}"'
            for name, number in targets.items()
        ]
        return {"X-Total-Count": str(total), "Link": ", ".join(links)}


_OWN = frozenset({"page", "per_page", "apikey"})


def page_of(request: Request) -> Page:
    """The page that a request asks for.

    Raises:
        AuthFailure: validation_failed.
    """
    number = _number(request, "page", default=1, largest=PAGE_MAX)
    return Page(number, _number(request, "per_page", default=PAGE_SIZE, largest=PAGE_SIZE_MAX))


def _number(request: Request, name: str, *, default: int, largest: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    number = whole_number(text)
    if number is None or not 1 <= number <= largest:
        raise invalid(f"Bad Pagination Parameters: {name} must be a number from 1 to {largest}")
    return number
