"""The ready file: what a script needs to use a running demo (design contract: the names are fixed)."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict
from smeboost_emulators.stores.process import write_private


class DemoUser(BaseModel):
    """Somebody who can log in."""

    model_config = ConfigDict(frozen=True)

    email: str
    password: str
    role: str


class Ready(BaseModel):
    """Addresses, keys, log-ins and pids; `pids` names only processes that exist."""

    model_config = ConfigDict(frozen=True)

    gateway_url: str
    mcp_url: str
    dashboard_url: str
    database_url: str
    redis_url: str
    airtable_url: str
    airtable_token: str
    supabase_url: str
    supabase_anon_key: str
    supabase_service_key: str
    bedrock_url: str
    users: list[DemoUser]
    pids: dict[str, int]

    def write(self, path: Path) -> None:
        """Write the file whole or not at all, readable by its owner only."""
        write_private(path, self.model_dump_json(indent=2) + "\n")
