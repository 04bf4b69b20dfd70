"""Hash and check passwords, away from the event loop and never more at once than there are threads for."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import Argon2Error, InvalidHashError

from smeboost_emulators.supabase import firebase_scrypt

ARGON2_PREFIXES = ("$argon2i$", "$argon2id$")
PASSWORD_MAX_BYTES = 72
"""bcrypt reads no further than this."""
# An imported hash says itself what checking it costs. One that would take minutes or gigabytes is not checked.
BCRYPT_COST_MAX = 16
ARGON2_MEMORY_MAX_KIB = 262_144
ARGON2_TIME_MAX = 16
ARGON2_THREADS_MAX = 16
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)

Answer = TypeVar("Answer")


class TooManyWaiting(Exception):
    """More sign-ins are waiting than the queue holds."""


class Passwords:
    """bcrypt with `cost` for new hashes; hashes of imported users (argon2, Firebase's scrypt) are checked too."""

    def __init__(self, *, cost: int, threads: int, queue_max: int) -> None:
        self._cost = cost
        self._queue_max = queue_max
        self._waiting = 0
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="password")
        # Checked when there is no such user, so that both answers take equally long.
        self._nobody = bcrypt.hashpw(b"nobody", bcrypt.gensalt(cost)).decode()

    async def hash(self, password: str) -> str:
        """A bcrypt hash; the caller has checked that the password is not longer than `PASSWORD_MAX_BYTES`."""
        return await self._run(lambda: bcrypt.hashpw(password.encode(), bcrypt.gensalt(self._cost)).decode())

    async def matches(self, password: str, hashed: str | None) -> bool:
        """Whether `password` is the one that was hashed; takes as long without a hash."""
        right = await self._run(lambda: _matches(password, hashed or self._nobody))
        return right and bool(hashed)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], Answer]) -> Answer:
        if self._waiting >= self._queue_max:
            raise TooManyWaiting
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def is_known_hash(hashed: str) -> bool:
    """Whether this is a hash that `Passwords.matches` can check, at a cost that it is ready to pay."""
    if match := _BCRYPT.fullmatch(hashed):
        return 4 <= int(match[1]) <= BCRYPT_COST_MAX
    if hashed.startswith(firebase_scrypt.PREFIX):
        return firebase_scrypt.is_affordable(hashed)
    return hashed.startswith(ARGON2_PREFIXES) and _affordable(hashed)


def _affordable(hashed: str) -> bool:
    try:
        asked = extract_parameters(hashed)
    except InvalidHashError:
        return False
    return (
        asked.memory_cost <= ARGON2_MEMORY_MAX_KIB
        and asked.time_cost <= ARGON2_TIME_MAX
        and asked.parallelism <= ARGON2_THREADS_MAX
    )


def _matches(password: str, hashed: str) -> bool:
    secret = password.encode(errors="replace")
    if not is_known_hash(hashed):
        return False
    if hashed.startswith(ARGON2_PREFIXES):
        try:
            return PasswordHasher().verify(hashed, secret)
        except (Argon2Error, InvalidHashError):
            return False
    if hashed.startswith(firebase_scrypt.PREFIX):
        return firebase_scrypt.matches(secret, hashed)
    if len(secret) > PASSWORD_MAX_BYTES:
        return False
    try:
        return bcrypt.checkpw(secret, hashed.encode())
    except ValueError:
        return False
