"""Everything that one demo runs, as values: where it lives, how it is reached, which children it has.

A new child is one more method and one more name in the start order of `demo`.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smeboost_emulators.stores.postgres import Postgres
from smeboost_emulators.stores.process import LOOPBACK, Command
from smeboost_emulators.stores.valkey import Valkey
from smeboost_emulators.supabase.bootstrap import login_url

from smeboost_cli.datafolder import Secrets
from smeboost_cli.probes import answers_200
from smeboost_cli.readyfile import DemoUser, Ready
from smeboost_cli.scale import Scale
from smeboost_cli.supervisor import Child

STORES, BACKENDS, FRONT = range(3)
"""Tiers: the front stops first, the stores last."""

START_SECONDS = {"small": 60.0, "large": 300.0}
REGION = "us-east-1"
# Airtable locks a base out for 30 s after a 429; whoever tries the emulator beside the gateway should not wait so long.
PENALTY_SECONDS = 1
ROLES = ("admin", "editor", "viewer")
# What a child gets of the caller's environment. Not the variables of the services: a demo never talks to real ones.
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")
KEPT_PREFIX = "SMEBOOST_"
REMOTE_SUFFIX = "_MCP_URL"


@dataclass(frozen=True)
class House:
    """One demo, prepared but not started."""

    folder: Path
    scale: Scale
    secrets: Secrets
    postgres: Postgres
    valkey: Valkey
    gateway_port: int
    airtable_port: int
    supabase_port: int
    bedrock_port: int

    @property
    def logs(self) -> Path:
        """Where each child's output goes."""
        return self.folder / "logs"

    @property
    def seed(self) -> Path:
        """The Airtable emulator's sample data; written once."""
        return self.folder / f"seed-{self.scale}.json"

    @property
    def token_file(self) -> Path:
        """The Airtable emulator's token, where only its owner reads it."""
        return self.folder / "airtable-token"

    @property
    def gateway_url(self) -> str:
        """Where people and scripts begin."""
        return _url(self.gateway_port)

    @property
    def airtable_url(self) -> str:
        """The Airtable emulator, without /v0."""
        return _url(self.airtable_port)

    @property
    def supabase_url(self) -> str:
        """The Supabase backend, without /auth/v1 or /rest/v1."""
        return _url(self.supabase_port)

    @property
    def bedrock_url(self) -> str:
        """The Bedrock emulator: control plane and runtime."""
        return _url(self.bedrock_port)

    @property
    def people(self) -> list[DemoUser]:
        """One person for each role."""
        return [
            DemoUser(email=f"{role}@example.com", password=self.secrets.passwords[role], role=role) for role in ROLES
        ]

    def postgres_child(self) -> Child:
        """PostgreSQL."""
        return Child("postgres", STORES, self.postgres.command, self.postgres.ready)

    def valkey_child(self) -> Child:
        """Valkey; its name is that of its protocol, as in the ready file."""
        return Child("redis", STORES, self.valkey.command, self.valkey.ready)

    def airtable_child(self) -> Child:
        """The Airtable emulator, with the sample data unless it has data already."""
        data = self.folder / f"airtable-{self.scale}"
        pace = ["--penalty-seconds", str(PENALTY_SECONDS)]
        options = [*pace, "--seed", str(self.seed), "--data", str(data), "--token-file", str(self.token_file)]
        return self._emulator("airtable", self.airtable_port, options, {})

    def supabase_child(self) -> Child:
        """The Supabase backend on our PostgreSQL."""
        environment = {
            "SUPABASE_DB_URL": self.postgres.url,
            "GOTRUE_JWT_SECRET": self.secrets.supabase_jwt_secret,
            "SUPABASE_ANON_KEY": self.secrets.supabase_anon_key,
            "SUPABASE_SERVICE_ROLE_KEY": self.secrets.supabase_service_key,
            "FILE_STORAGE_BACKEND_PATH": str(self.folder / "storage"),
            "GOTRUE_SITE_URL": self.gateway_url,
        }
        return self._emulator("supabase", self.supabase_port, [], environment)

    def bedrock_child(self) -> Child:
        """The Bedrock emulator."""
        return self._emulator("bedrock", self.bedrock_port, [], {})

    def gateway_child(self) -> Child:
        """The gateway, which runs the four servers in its process."""
        arguments = ["smeboost_cli", "serve", "--host", LOOPBACK, "--port", str(self.gateway_port)]
        command = self._python(arguments, self.gateway_environment())
        return Child("gateway", FRONT, command, answers_200(self.gateway_port, "/healthz"))

    def worker_child(self) -> Child:
        """The worker, which runs jobs with the same servers in its process. Nobody connects to it."""
        command = self._python(["smeboost_cli", "worker"], self.gateway_environment())
        return Child("worker", FRONT, command, _runs)

    def gateway_environment(self) -> dict[str, str]:
        """What the gateway, and anybody who runs our servers by hand, needs to know of the demo."""
        return {
            "SMEBOOST_DATABASE_URL": self.postgres.url,
            "SMEBOOST_JWT_SECRET": self.secrets.gateway_jwt_secret,
            # Also where the gateway, the worker and whoever runs beside them share Airtable's 5 requests a second.
            "REDIS_URL": self.valkey.url,
            "SUPABASE_URL": self.supabase_url,
            # The key of people who sign in: what they see is decided by row level security, never by this key.
            "SUPABASE_KEY": self.secrets.supabase_anon_key,
            # For reading only, so not as the superuser.
            "SUPABASE_DB_URL": login_url(self.postgres.url, "authenticator"),
            "AIRTABLE_API_KEY": self.secrets.airtable_token,
            "AIRTABLE_ENDPOINT_URL": self.airtable_url,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": self.bedrock_url,
            "AWS_ENDPOINT_URL_BEDROCK": self.bedrock_url,
            "AWS_ACCESS_KEY_ID": "demo",
            "AWS_SECRET_ACCESS_KEY": self.secrets.aws_secret_key,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def sample_command(self, sample: str, out: Path) -> Command:
        """How to write a sample as an Airtable seed."""
        return self._python(["smeboost_emulators.samples", sample, str(out)], {})

    def ready(self, pids: Mapping[str, int]) -> Ready:
        """What the ready file says."""
        return Ready(
            gateway_url=self.gateway_url,
            mcp_url=f"{self.gateway_url}/mcp",
            dashboard_url=f"{self.gateway_url}/",
            database_url=self.postgres.url,
            redis_url=self.valkey.url,
            airtable_url=self.airtable_url,
            airtable_token=self.secrets.airtable_token,
            supabase_url=self.supabase_url,
            supabase_anon_key=self.secrets.supabase_anon_key,
            supabase_service_key=self.secrets.supabase_service_key,
            bedrock_url=self.bedrock_url,
            users=self.people,
            pids=dict(pids),
        )

    def _emulator(self, name: str, port: int, options: list[str], environment: Mapping[str, str]) -> Child:
        arguments = ["smeboost_emulators", name, "--host", LOOPBACK, "--port", str(port), *options]
        return Child(
            name,
            BACKENDS,
            self._python(arguments, environment),
            answers_200(port, "/healthz"),
            start_timeout_seconds=START_SECONDS[self.scale],
        )

    def _python(self, arguments: list[str], environment: Mapping[str, str]) -> Command:
        # -P: the data directory is not a place to import from.
        return Command(
            argv=(sys.executable, "-P", "-m", *arguments), env={**inherited(), **environment}, cwd=self.folder
        )


def inherited() -> dict[str, str]:
    """The part of our own environment that every Python child gets."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in KEPT_VARIABLES or (name.startswith(KEPT_PREFIX) and not name.endswith(REMOTE_SUFFIX))
    }


async def _runs() -> bool:
    """For a child without a door: a process that runs is ready, because what it works on waits for it."""
    return True


def _url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"
