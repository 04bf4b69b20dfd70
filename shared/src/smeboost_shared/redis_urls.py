"""What a Redis URL may look like, for every setting that holds one."""

from urllib.parse import parse_qsl, urlsplit

SCHEMES = ("redis", "rediss", "unix")
URL_OPTIONS = frozenset(
    {
        "db",
        "username",
        "password",
        "ssl_ca_certs",
        "ssl_certfile",
        "ssl_keyfile",
        "ssl_cert_reqs",
        "ssl_check_hostname",
    }
)
"""What may follow the `?`. To redis-py such options win over arguments, so timeouts are not among them."""


def check_redis_url(url: str) -> None:
    """Raise `ValueError` unless it is one. The message never repeats the URL: it may hold a password."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("is not a URL, or its port is not a number") from None
    if parts.scheme not in SCHEMES:
        raise ValueError("must begin with redis://, rediss:// or unix://")
    unknown = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)} - URL_OPTIONS
    if unknown:
        raise ValueError(f"has an option that is not offered here; offered are {', '.join(sorted(URL_OPTIONS))}")
    if parts.scheme == "unix" and not parts.path:
        raise ValueError("must name the socket's path, as in unix:///run/redis.sock")
    database = parts.path.strip("/")
    if parts.scheme != "unix" and database and not database.isdigit():
        raise ValueError("must end with a database number, as in redis://localhost:6379/0")
