"""What a person sees when the demo is ready: where to look, how to log in, what to paste, what runs."""

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from smeboost_cli.house import House

RUNNING = {
    "gateway": "the API, the MCP endpoint and the checks in front of them",
    "worker": "runs jobs, such as a write of many records",
    "airtable": "an emulated Airtable with the sample data",
    "supabase": "an emulated Supabase: sign-in, REST, storage and realtime on PostgreSQL",
    "bedrock": "an emulated Amazon Bedrock; its answers say that they are not a model's",
    "postgres": "PostgreSQL 18, with its data in the data directory",
    "redis": "Valkey 9: sessions, rate limits, cached answers",
}


def start_screen(house: House, pids: dict[str, int]) -> list[tuple[str, list[str]]]:
    """The screen as sections of a title and lines; lines are meant to be copied and are never wrapped."""
    url = house.gateway_url
    return [
        (
            "Look",
            [
                f"Start page          {url}/",
                f"API documentation   {url}/docs",
                f"Airtable emulator   {house.airtable_url}  (the vendor's API, token below)",
                f"Supabase backend    {house.supabase_url}  (its mail: {house.supabase_url}/_emulator/inbox)",
                f"Bedrock emulator    {house.bedrock_url}",
            ],
        ),
        ("Log in", [f"{who.email:<20} {who.password}   ({who.role})" for who in house.people]),
        ("Try it with curl", _curl(house)),
        ("Claude Desktop: put this into claude_desktop_config.json", _desktop_entry(house).splitlines()),
        (
            "Any MCP client over HTTP: all tools, as the person who logged in",
            [
                f"{url}/mcp  with the header  Authorization: Bearer $TOKEN  (from the curl above)",
                f'claude mcp add --transport http smeboost {url}/mcp --header "Authorization: Bearer $TOKEN"',
            ],
        ),
        ("Running", [f"{name:<9} {RUNNING.get(name, '')} (process {pid})" for name, pid in pids.items()]),
        (
            "Good to know",
            [
                f"Data and logs are in {house.folder}; the same --data-dir brings everything back.",
                "What dies is started again. Ctrl-C stops everything.",
            ],
        ),
    ]


def print_start_screen(console: Console, house: House, pids: dict[str, int]) -> None:
    """Print the screen; plain text when nobody watches."""
    for title, lines in start_screen(house, pids):
        console.print()
        console.print(Text(title, style="bold cyan"))
        for line in lines:
            console.print(Text(f"  {line}"), soft_wrap=True)
    console.print()


def _curl(house: House) -> list[str]:
    who = house.people[0]
    credentials = json.dumps({"email": who.email, "password": who.password})
    return [
        f"TOKEN=$(curl -s {house.gateway_url}/api/auth/login -H 'Content-Type: application/json' \\",
        f'  -d \'{credentials}\' | sed -E \'s/.*"access_token": ?"([^"]+)".*/\\1/\')',
        f'curl -s {house.gateway_url}/api/airtable/bases -H "Authorization: Bearer $TOKEN"',
    ]


def _desktop_entry(house: House) -> str:
    server = {
        "command": str(Path(sys.executable).with_name("smeboost-airtable")),
        "env": {"AIRTABLE_API_KEY": house.secrets.airtable_token, "AIRTABLE_ENDPOINT_URL": house.airtable_url},
    }
    return json.dumps({"mcpServers": {"smeboost-airtable": server}}, indent=2)
