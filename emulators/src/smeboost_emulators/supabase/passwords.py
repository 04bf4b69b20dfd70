"""Hash and check passwords, away from the event loop and never more at once than there are threads for."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

BCRYPT_PREFIXES = ("$2a$", "$2b$", "$2y$")
ARGON2_PREFIXES = ("$argon2i$", "$argon2id$")
PASSWORD_MAX_BYTES = 72
"""bcrypt reads no further than this."""

Answer = TypeVar("Answer")


class TooManyWaiting(Exception):
    """More sign-ins are waiting than the queue holds."""


class Passwords:
    """bcrypt with `cost` for new hashes; argon2 hashes of imported users are checked too."""

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
    """Whether this is a hash that `Passwords.matches` can check."""
    return hashed.startswith((*BCRYPT_PREFIXES, *ARGON2_PREFIXES))


def _matches(password: str, hashed: str) -> bool:
    secret = password.encode()
    if hashed.startswith(ARGON2_PREFIXES):
        try:
            return PasswordHasher().verify(hashed, secret)
        except (Argon2Error, InvalidHashError):
            return False
    if len(secret) > PASSWORD_MAX_BYTES:
        return False
    try:
        return bcrypt.checkpw(secret, hashed.encode())
    except ValueError:
        return False
