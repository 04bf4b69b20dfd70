"""The demo's data directory: who may use it, and what it remembers from one start to the next.

`DIR/lock` is held while a demo runs there and says which one. `DIR/secrets.json` and `DIR/ports.json` are made once.
"""

import fcntl
import os
import secrets
import socket
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from joserfc import jwt
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from smeboost_emulators.stores.process import free_port, is_port_free, private_folder, write_private
from smeboost_emulators.supabase.tokens import key_from_secret
from smeboost_shared.errors import Conflict, Misconfigured

DEFAULT_FOLDER = ".demo"
DEFAULT_FOLDERS_MAX = 20
GATEWAY_PORT = 8000
GATEWAY_PORTS_TRIED = 100
PORT_PATIENCE_SECONDS = 1.5
PORT_POLL_SECONDS = 0.05
API_KEY_SECONDS = 10 * 365 * 24 * 3600


def _token() -> str:
    return secrets.token_urlsafe(32)


def _password() -> str:
    """Four short groups without letters that look alike, because people type it."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(3))


def _api_key(made: dict[str, Any], role: str) -> str:
    """A key of the form that Supabase gives a project: a JWT that says nothing but the role."""
    key = key_from_secret(made["supabase_jwt_secret"])
    now = int(time.time())
    claims = {"iss": "supabase-demo", "role": role, "iat": now, "exp": now + API_KEY_SECONDS}
    return jwt.encode({"alg": key.algorithm, "typ": "JWT"}, claims, key.value, algorithms=[key.algorithm])


class Secrets(BaseModel):
    """Every secret of one demo, made at its first start and kept in a file that only its owner reads."""

    gateway_jwt_secret: str = Field(default_factory=_token)
    supabase_jwt_secret: str = Field(default_factory=_token)
    supabase_anon_key: str = Field(default_factory=lambda made: _api_key(made, "anon"))
    supabase_service_key: str = Field(default_factory=lambda made: _api_key(made, "service_role"))
    airtable_token: str = Field(default_factory=lambda: f"pat{secrets.token_hex(7)}.{secrets.token_hex(32)}")
    aws_secret_key: str = Field(default_factory=_token)
    passwords: dict[str, str] = Field(
        default_factory=lambda: {role: _password() for role in ("admin", "editor", "viewer")}
    )

    @classmethod
    def of(cls, folder: Path) -> Self:
        """The secrets kept in `folder`; made and kept when there are none.

        Raises:
            Misconfigured: the file is damaged.
        """
        path = folder / "secrets.json"
        if path.exists():
            try:
                return cls.model_validate_json(path.read_bytes())
            except ValidationError:
                raise Misconfigured(f"{path} is damaged. Restore it, or remove {folder} to start anew.") from None
        made = cls()
        write_private(path, made.model_dump_json(indent=2))
        return made


class Ports:
    """The demo's ports: the same as last time where they are still free, and nobody else's meanwhile."""

    def __init__(self, folder: Path, claims: ExitStack) -> None:
        """The claims on the ports are given up when `claims` is closed."""
        self._path = folder / "ports.json"
        self._claims = claims
        self._ports = self._remembered()

    def gateway(self, wanted: int | None) -> int:
        """The gateway's port: `wanted` and no other, or else the remembered one, 8000, or the next free one.

        Raises:
            Misconfigured: `wanted` is taken.
        """
        if wanted is not None:
            if not self._claim(wanted):
                raise Misconfigured(
                    f"Port {wanted} is taken or not permitted. Choose another with --port, or leave --port out."
                )
            return self._keep("gateway", wanted)
        following = range(GATEWAY_PORT, GATEWAY_PORT + GATEWAY_PORTS_TRIED)
        return self._keep("gateway", self._remembered_or("gateway", following))

    def internal(self, name: str) -> int:
        """The port of a child that people do not type."""
        return self._keep(name, self._remembered_or(name, ()))

    def _remembered_or(self, name: str, others: Iterable[int]) -> int:
        if name in self._ports and self._claim_patiently(self._ports[name]):
            return self._ports[name]
        for port in others:
            if self._claim(port):
                return port
        while not self._claim(port := free_port()):
            pass
        return port

    def _claim_patiently(self, port: int) -> bool:
        """As `_claim`, but what a killed demo left behind gets the time to end: people kept the old URL."""
        deadline = time.monotonic() + PORT_PATIENCE_SECONDS
        while not self._claim(port):
            if time.monotonic() > deadline:
                return False
            time.sleep(PORT_POLL_SECONDS)
        return True

    def _claim(self, port: int) -> bool:
        """Take the port for this demo, also for the time until its child listens and while it is started again."""
        if not is_port_free(port):
            return False
        if sys.platform != "linux":
            return True
        # A name in the abstract namespace: no file, and the kernel drops it with us.
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0smeboost-port-{port}")
        except OSError:
            claim.close()
            return False
        self._claims.enter_context(claim)
        return True

    def _keep(self, name: str, port: int) -> int:
        self._ports[name] = port
        write_private(self._path, TypeAdapter(dict[str, int]).dump_json(self._ports, indent=2).decode())
        return port

    def _remembered(self) -> dict[str, int]:
        with suppress(FileNotFoundError, ValidationError):
            return TypeAdapter(dict[str, int]).validate_json(self._path.read_bytes())
        return {}


@contextmanager
def data_folder(chosen: Path | None) -> Generator[Path]:
    """The data directory, locked while it is used.

    Without a choice it is `.demo` here or, when a demo runs there already, `.demo-2` and so on: a second demo beside
    the first is wanted more often than an error.

    Raises:
        Conflict: a demo runs in the chosen directory.
        Misconfigured: the directory cannot be made or written.
    """
    with ExitStack() as stack:
        yield _locked(chosen, stack) if chosen else _first_unused(stack)


def say_who(folder: Path, gateway_url: str) -> None:
    """Write into the lock who holds it, for the one who finds it held."""
    (folder / "lock").write_text(f"process {os.getpid()}, {gateway_url}", encoding="utf-8")


def _first_unused(stack: ExitStack) -> Path:
    for number in range(1, DEFAULT_FOLDERS_MAX + 1):
        with suppress(Conflict):
            return _locked(Path(DEFAULT_FOLDER if number == 1 else f"{DEFAULT_FOLDER}-{number}"), stack)
    raise Conflict(f"{DEFAULT_FOLDERS_MAX} demos run here already. Name another directory with --data-dir.")


def _locked(folder: Path, stack: ExitStack) -> Path:
    try:
        folder = private_folder(folder)
        file = stack.enter_context((folder / "lock").open("a+", encoding="utf-8"))
    except OSError as exc:
        raise Misconfigured(f"Cannot use {folder} as data directory: {exc.strerror}. Name another one.") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read(200)
        raise Conflict(f"A demo runs in {folder} already ({holder or 'starting'}).") from None
    file.truncate(0)
    return folder
