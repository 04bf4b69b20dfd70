"""Fixtures for the Supabase backend: one for the session, on the session's PostgreSQL."""

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from anyio.from_thread import start_blocking_portal
from smeboost_shared.settings import load

from smeboost_emulators.supabase.serving import serving
from smeboost_emulators.supabase.settings import SupabaseBackendSettings

ADMIN_TIMEOUT_SECONDS = 10
# A test wants a valid hash, not one that is expensive to guess.
BCRYPT_COST = 4
# What the developer's own shell says must not steer a test.
_NOT_FROM_THE_SHELL = (
    "data_dir",
    "gotrue_jwt_secret",
    "pgrst_jwt_secret",
    "anon_key",
    "service_role_key",
    "publishable_key",
    "secret_key",
    "jwt_keys",
    "jwt_issuer",
    "api_external_url",
)


@dataclass(frozen=True)
class SupabaseBackend:
    """A running backend; `create_user` is the admin API's, so the person may sign in at once."""

    url: str
    anon_key: str = field(repr=False)
    service_role_key: str = field(repr=False)
    database_url: str = field(repr=False)

    def create_user(self, email: str, password: str, **attributes: object) -> dict[str, Any]:
        """Add a confirmed person through the admin API and give the JSON it answered.

        `attributes` are the API's: `user_metadata`, `app_metadata`, `role`, `id`, `ban_duration`, `email_confirm`.
        """
        answer = httpx2.post(
            f"{self.url}/auth/v1/admin/users",
            headers={"apikey": self.service_role_key},
            json={"email": email, "password": password, "email_confirm": True, **attributes},
            timeout=ADMIN_TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
        return cast(dict[str, Any], answer.json())


StartBackend = Callable[..., AbstractContextManager[SupabaseBackend]]


@pytest.fixture(scope="session")
def storage_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where backends keep their files; each database has a folder of its own in it."""
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="session")
def start_supabase_backend(storage_folder: Path) -> StartBackend:
    """A factory of backends, each in a thread of its own: a context manager; takes the database url and settings."""

    @contextmanager
    def start(db_url: str, **settings: object) -> Generator[SupabaseBackend]:
        unset = dict.fromkeys(_NOT_FROM_THE_SHELL)
        given = {
            **unset,
            "db_url": db_url,
            "bcrypt_cost": BCRYPT_COST,
            "file_storage_path": str(storage_folder),
            **settings,
        }
        chosen = load(SupabaseBackendSettings, **given)
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving(chosen)) as served:
            yield SupabaseBackend(served.url, served.keys.anon_jwt, served.keys.service_role_jwt, served.database_url)

    return start


@pytest.fixture(scope="session")
def supabase_backend(
    new_database: Callable[[], str], start_supabase_backend: StartBackend
) -> Iterator[SupabaseBackend]:
    """A backend on a database of its own."""
    with start_supabase_backend(new_database()) as backend:
        yield backend
