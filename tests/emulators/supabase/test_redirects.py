"""Where links lead: to the site and to what its owner listed, never to a stranger; and what they begin with."""

from urllib.parse import parse_qs, urlsplit

import pytest
from smeboost_emulators.supabase.auth.mail.redirects import Redirects
from smeboost_shared.errors import Misconfigured

SITE = "http://shop.example.com"


@pytest.fixture
def place_for(mailing_backend, http_of):
    """Where a link ends that somebody wanted to end at `wanted`."""
    http = http_of(mailing_backend)

    def ask(wanted, **headers):
        answer = http.get("/auth/v1/verify", params={"redirect_to": wanted}, headers=headers)
        assert answer.status_code == 303
        return answer.headers["location"].partition("#")[0]

    return ask


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example.com/any/path",
        "http://one.shop.example.com/deep/er",
        "http://localhost.shop.example.com/",
        "http://127.0.0.1:5173/callback",
        "http://[::1]:5173/callback",
        "myapp://login/done",
    ],
)
def test_what_is_listed_is_allowed(place_for, url):
    assert place_for(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://shop.example.com/",
        "http://shop.example.com:8080/",
        "http://shop.example.com.evil.example/",
        "http://a.b.shop.example.com/",
        "http://evil.example/?http://one.shop.example.com/",
        "http://evil.example/#http://one.shop.example.com/",
        "http://evil.example\\.shop.example.com/x",
        "http://evil.example/.shop.example.com/x",
        "http://evil.example?.shop.example.com/x",
        "http://shop.example.com@evil.example/",
        "http://shop.example.com:pass@evil.example/",
        "http://evil.example:80@one.shop.example.com/x",
        "//evil.example/",
        "/relative",
        "javascript:alert(1)",
        "javascript://127.0.0.1/%0aalert(1)",
        "myapp://login/done/more",
        "http://2130706433/",
        "http://10.0.0.1/",
        "http://[::2]/",
        "http://[broken/",
        "http://one.shop.example.com:port/x",
        " http://one.shop.example.com/x",
        "http://one.shop.example.com/x y",
        "http://one.shop.example.com/\r\nset-cookie:a=b",
        "http://one.shop.example.com/" + "x" * 2000,
    ],
)
def test_anything_else_leads_to_the_site(place_for, url):
    assert place_for(url) == SITE


def test_the_page_that_asks_counts_when_nothing_is_wanted(place_for):
    assert place_for("", referer="http://one.shop.example.com/here") == "http://one.shop.example.com/here"
    assert place_for("", referer="http://evil.example/") == SITE


@pytest.mark.parametrize(
    ("glob", "url", "allowed"),
    [
        ("http://a.example/*", "http://a.example/one", True),
        ("http://a.example/*", "http://a.example/one/two", False),
        ("http://a.example/*", "http://a.example/one.html", False),
        ("http://a.example/**", "http://a.example/one/two.html", True),
        ("http://a.example/?", "http://a.example/x", True),
        ("http://a.example/?", "http://a.example/xy", False),
        ("http://a.example/[a-c]", "http://a.example/b", True),
        ("http://a.example/[!a-c]", "http://a.example/b", False),
        ("http://{a,b}.example/", "http://b.example/", True),
        ("http://{a,b}.example/", "http://c.example/", False),
        ("http://a.example/\\*", "http://a.example/*", True),
        ("http://a.example/\\*", "http://a.example/x", False),
        ("http://a.example/(x)+", "http://a.example/xx", False),
        ("http://x.example/, http://a.example/", "http://a.example/", True),
    ],
)
def test_globs_are_read_as_the_vendor_reads_them(glob, url, allowed):
    assert Redirects(SITE, glob).chosen(url) == (url if allowed else SITE)


@pytest.mark.parametrize("url", ["http://localhost:5173/x", "http://localhost/x", "http://localhost:3000"])
def test_a_site_on_this_machine_has_any_port(url):
    assert Redirects("http://localhost:3000", "").chosen(url) == url


@pytest.mark.parametrize(
    "settings", [{"uri_allow_list": "http://{a"}, {"uri_allow_list": "http://[z-a]/"}, {"site_url": "shop.example.com"}]
)
def test_a_list_that_cannot_be_read_is_told_at_the_start(start_supabase_backend, settings):
    with pytest.raises(Misconfigured), start_supabase_backend("postgresql://localhost/none", **settings):
        pass


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example"])
def test_a_stranger_does_not_choose_where_links_begin(mailing_backend, http_of, mails_to, new_email, host):
    email = new_email()

    http_of(mailing_backend).post("/auth/v1/otp", json={"email": email}, headers={"host": host})

    assert mails_to(mailing_backend, email)[0]["link"].startswith(f"{mailing_backend.url}/auth/v1/verify?")


@pytest.mark.parametrize(
    "url", ["https://api.example.com", "https://api.example.com/", "https://api.example.com/auth/v1"]
)
def test_links_begin_with_the_external_url(start_supabase_backend, new_database, http_of, mails_to, url):
    with start_supabase_backend(new_database(), api_external_url=url) as backend:
        http_of(backend).post("/auth/v1/otp", json={"email": "ada@example.com"})
        [mail] = mails_to(backend, "ada@example.com")

    parts = urlsplit(mail["link"])
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "api.example.com", "/auth/v1/verify")
    assert parse_qs(parts.query)["redirect_to"] == ["http://localhost:3000"]
