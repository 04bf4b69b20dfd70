"""Pages for people, rendered here: they need no script and nothing from another host."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import msgspec
from starlette.responses import HTMLResponse, Response

from smeboost_gateway.openapi import openapi_document
from smeboost_gateway.operations import AnyOperation, Ask, Nothing, Operation

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430;background:#fff}
h1{font-size:1.7rem}
h2{font-size:1.25rem;margin-top:2.5rem;border-bottom:1px solid #d5dbe3}
h3{font-size:1rem;margin:1.6rem 0 .3rem}
code,pre{font:14px/1.45 ui-monospace,monospace;background:#f2f4f7;border-radius:4px}
code{padding:.1rem .3rem}
pre{padding:.8rem;overflow:auto}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-top:1px solid #e3e8ee}
.method{font-weight:700;display:inline-block;min-width:4.5rem}
.quiet{color:#5b6675}
a{color:#0b57a4}
@media(prefers-color-scheme:dark){
body{background:#12171e;color:#dde4ec}
code,pre{background:#1e2630}
h2,td,th{border-color:#303b48}
a{color:#7db8f0}
.quiet{color:#93a1b1}}
"""


class Pages:
    """The start page, the documentation and the document that it is made from."""

    def __init__(self, operations: Sequence[AnyOperation]) -> None:
        document = openapi_document([*operations, *self.operations()])
        self._document = msgspec.json.encode(document)
        self._documentation = _documentation(document)

    def operations(self) -> list[AnyOperation]:
        """All public: they say nothing about anybody's data."""
        return [
            Operation("GET", "/", "Start page", self.start, Nothing, Nothing, {200: None}, public=True),
            Operation("GET", "/docs", "This page", self.docs, Nothing, Nothing, {200: None}, public=True),
            Operation("GET", "/openapi.json", "OpenAPI 3.1", self.openapi, Nothing, Nothing, {200: None}, public=True),
        ]

    async def start(self, ask: Ask[Nothing, Nothing]) -> Response:
        """What this is and where to go."""
        return HTMLResponse(_start(str(ask.request.base_url).rstrip("/")))

    async def docs(self, _ask: Ask[Nothing, Nothing]) -> Response:
        """Every operation, its parameters and its body."""
        return HTMLResponse(self._documentation)

    async def openapi(self, _ask: Ask[Nothing, Nothing]) -> Response:
        """The document."""
        return Response(self._document, media_type="application/json")


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>"
    )


def _start(url: str) -> str:
    login = (
        f"curl -s {url}/api/auth/login -H 'Content-Type: application/json' \\\n"
        '  -d \'{"email":"you@example.com","password":"..."}\'\n'
        f"curl -s {url}/api/airtable/bases -H 'Authorization: Bearer ACCESS_TOKEN'"
    )
    return _page(
        "SME Boost",
        "<h1>SME Boost</h1><p>A gateway to a company's Airtable bases, its database, its cache and its language "
        "models: over REST for programs, over MCP for assistants, behind one log-in.</p>"
        '<ul><li><a href="/docs">/docs</a> what can be asked</li>'
        '<li><a href="/openapi.json">/openapi.json</a> the same for programs (OpenAPI 3.1)</li>'
        '<li><a href="/healthz">/healthz</a> and <a href="/readyz">/readyz</a> is it alive, is it of use</li>'
        '<li><a href="/metrics">/metrics</a> numbers for Prometheus</li></ul>'
        f"<h2>Log in</h2><pre>{escape(login)}</pre>"
        f"<h2>MCP</h2><p>Streamable HTTP at <code>{escape(url)}/mcp</code>, with the same header:</p>"
        f"<pre>claude mcp add --transport http smeboost {escape(url)}/mcp "
        '--header "Authorization: Bearer ACCESS_TOKEN"</pre>',
    )


def _documentation(document: Mapping[str, Any]) -> str:
    schemas: Mapping[str, Any] = document["components"]["schemas"]
    groups: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append(_operation(method, path, operation, schemas))
    parts = "".join(f"<h2>{escape(name)}</h2>{''.join(found)}" for name, found in groups.items())
    intro = escape(document["info"]["description"]).replace("`", "")
    return _page("SME Boost: REST API", f"<h1>REST API</h1><p>{intro}</p>{parts}")


def _operation(method: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    rows = [
        (one["name"], one["in"], _type(one["schema"]), one.get("description", "")) for one in operation["parameters"]
    ]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content:
        model = schemas[content["schema"]["$ref"].rsplit("/", 1)[-1]]
        rows += [
            (name, "body", _type(schema), schema.get("description", "")) for name, schema in model["properties"].items()
        ]
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td class=quiet>{escape(place)}</td>"
        f"<td>{escape(kind)}</td><td>{escape(meaning)}</td></tr>"
        for name, place, kind, meaning in rows
    )
    who = ' <span class="quiet">public</span>' if operation.get("security") == [] else ""
    return (
        f'<h3><span class="method">{escape(method.upper())}</span> <code>{escape(path)}</code></h3>'
        f"<p>{escape(operation['summary'])}{who}</p>" + (f"<table>{cells}</table>" if cells else "")
    )


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"] if one.get("type") != "null")
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("type", "any"))
