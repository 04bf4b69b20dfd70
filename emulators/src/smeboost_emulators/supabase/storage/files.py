"""Files on disk: the bytes of objects.

Rules of this room:

- A file is named by the id of its row and the version of its content, never by a name that a user chose. The id is part
  of it, so that a row which somebody made with another row's version does not reach that row's bytes.
- Bytes are written to `incoming`, synced, and renamed: under `objects` there are whole files only. They never change.
- Blocking work runs in a few threads of its own.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from threading import Lock
from typing import ParamSpec, TypeVar
from uuid import UUID, uuid4

from smeboost_shared.errors import Misconfigured

PRIVATE = 0o700
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Place:
    """Where the bytes of one version of one object are."""

    id: UUID
    version: UUID

    @property
    def path(self) -> Path:
        """Below `objects`; the id's first two digits keep folders small."""
        return Path(self.id.hex[:2]) / f"{self.id}.{self.version}"


class Incoming:
    """A file that is being written; its methods block, and one that was discarded takes no more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._file = FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        # An ETag, as S3 makes it; it protects nothing.
        self._digest = hashlib.md5(usedforsecurity=False)
        self._lock = Lock()

    @property
    def etag(self) -> str:
        """The MD5 of the bytes so far, in quotes."""
        return f'"{self._digest.hexdigest()}"'

    def write(self, chunk: bytes) -> None:
        """Append."""
        with self._lock:
            rest = memoryview(chunk)
            while rest:
                rest = rest[self._file.write(rest) :]
            self._digest.update(chunk)
            self.size += len(chunk)

    def finish(self) -> None:
        """Put it all on the disk."""
        with self._lock:
            os.fsync(self._file.fileno())
            self._file.close()

    def discard(self) -> None:
        """Leave nothing; also good after the file was kept."""
        with self._lock:
            self._file.close()
            self.path.unlink(missing_ok=True)


class Files:
    """One folder of files; `open` it before use."""

    def __init__(self, root: Path, threads: int) -> None:
        self._root = root
        self._objects = root / "objects"
        self._incoming = root / "incoming"
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="supabase-storage")

    def open(self) -> None:
        """Make the folders.

        Raises:
            Misconfigured: they cannot be written.
        """
        try:
            for folder in (self._root, self._objects, self._incoming):
                folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            self.begin().discard()
        except OSError as exc:
            raise Misconfigured(f"FILE_STORAGE_BACKEND_PATH {self._root} cannot be used: {exc.strerror}") from None

    def close(self) -> None:
        """Wait for the threads."""
        self._threads.shutdown()

    async def run(
        self, work: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Do blocking work in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: work(*args, **kwargs))

    def begin(self) -> Incoming:
        """A new empty file."""
        return Incoming(self._incoming / uuid4().hex)

    def keep(self, incoming: Incoming, place: Place) -> None:
        """Give a finished file its place, for good."""
        target = self._target(place)
        incoming.path.rename(target)
        _sync_folder(target.parent)

    def copy(self, source: Place, target: Place) -> None:
        """The same bytes at another place. Files never change, so they may be shared.

        Raises:
            FileNotFoundError: the source is gone.
        """
        path = self._target(target)
        try:
            path.hardlink_to(self._objects / source.path)
        except FileNotFoundError:
            raise
        except OSError:
            self._copy_bytes(source, target)
            return
        _sync_folder(path.parent)

    def read(self, place: Place) -> FileIO:
        """The open file; who has it open keeps it whole, whatever becomes of the object.

        Raises:
            FileNotFoundError: there is none.
        """
        return FileIO(self._objects / place.path)

    def remove(self, places: list[Place]) -> None:
        """Remove what is there of these."""
        for place in places:
            (self._objects / place.path).unlink(missing_ok=True)

    def remove_abandoned(self, before: float) -> int:
        """Remove files that nobody has written to since `before` (seconds of the clock); the number is returned."""
        removed = 0
        for path in self._incoming.iterdir():
            if _last_change(path) < before:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def shards(self) -> list[Path]:
        """The folders that have files."""
        return sorted(path for path in self._objects.iterdir() if path.is_dir())

    def old(self, shard: Path, before: float) -> list[Place]:
        """The files of a folder that are there since `before`."""
        found = [(path, _place(path.name)) for path in shard.iterdir()]
        return [place for path, place in found if place is not None and _last_change(path) < before]

    def _target(self, place: Place) -> Path:
        path = self._objects / place.path
        if not path.parent.exists():
            path.parent.mkdir(mode=PRIVATE, exist_ok=True)
            _sync_folder(self._objects)
        return path

    def _copy_bytes(self, source: Place, target: Place) -> None:
        """For file systems that cannot link."""
        incoming = self.begin()
        try:
            with self.read(source) as reader, incoming.path.open("wb") as writer:
                shutil.copyfileobj(reader, writer)
            incoming.finish()
            self.keep(incoming, target)
        finally:
            incoming.discard()


def place_of(identity: UUID, version: str | None) -> Place | None:
    """The place of a row, or None when its version was not written by us."""
    with suppress(ValueError):
        return Place(identity, UUID(version or ""))
    return None


def _place(name: str) -> Place | None:
    id_text, _, version = name.partition(".")
    with suppress(ValueError):
        return Place(UUID(id_text), UUID(version))
    return None


def _last_change(path: Path) -> float:
    """Renaming and linking count too; a file that has just gone is as new as can be."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return float("inf")
    return max(found.st_mtime, found.st_ctime)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
