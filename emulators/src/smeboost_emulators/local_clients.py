"""Who may use the paths `/_emulator` of an emulator, which are ours and not the vendor's.

Rules of this room:

- Clients on the same machine, and no web page that somebody visits there: the request must come from a loopback
  address, name a loopback host (a name that leads here through DNS does not count), and have no Origin.
- Anybody else gets the answer of a path that does not exist, which is the caller's to give.
"""

import ipaddress
from urllib.parse import urlsplit

from starlette.requests import Request


def is_local(request: Request) -> bool:
    """Whether a request is from this machine and from no web page."""
    here = request.client is not None and is_loopback(request.client.host)
    return here and is_loopback(host_of(request)) and "origin" not in request.headers


def host_of(request: Request) -> str:
    """The host that a request names, without the port; empty when it names none that can be read."""
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
