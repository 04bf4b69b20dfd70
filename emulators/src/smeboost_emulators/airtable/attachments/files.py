"""The files behind attachments, in a folder: each is named by the SHA-256 of what it holds, so equal files are one.

A file is complete before anything refers to it: it comes in under another name and is renamed when it has ended. With
a data directory a kill of the process therefore leaves whole files, and at worst some that nobody refers to; those
go when the emulator starts (`sweep`). Without one the folder is a temporary one that ends with the emulator.
"""

import hashlib
import os
import secrets
import threading
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

KEY_BYTES = 32
_COMING_IN = ".part"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is kept."""

    digest: str
    size: int


class Receiving:
    """A file that is coming in, piece by piece."""

    def __init__(self, opened: BinaryIO) -> None:
        self._open = opened
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, piece: bytes) -> None:
        """The next piece."""
        self._open.write(piece)
        self._digest.update(piece)
        self.size += len(piece)

    def ended(self) -> StoredFile:
        """What came in."""
        self._open.close()
        return StoredFile(self._digest.hexdigest(), self.size)


class FileStore:
    """The folder of files; it is made when the first one comes."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._temporary: TemporaryDirectory[str] | None = None
        # Uploads are kept in threads of their own, and two first ones must find one folder.
        self._lock = threading.Lock()
        self.key = secrets.token_bytes(KEY_BYTES) if folder is None else _kept_key(folder / "key")
        """A secret for signing; with a data directory it is the same after a restart."""

    def path(self, digest: str) -> Path:
        """Where the file is, if it is there."""
        return self._place() / digest[:2] / digest

    def keep(self, content: bytes) -> StoredFile:
        """Keep a file that is in memory."""
        with self.receiving() as coming:
            coming.write(content)
        return coming.ended()

    @contextmanager
    def receiving(self) -> Generator[Receiving]:
        """A file that is written within the context, and kept when the context ends without an error."""
        place = self._place()
        part = place / f"{secrets.token_hex(16)}{_COMING_IN}"
        try:
            with part.open("xb") as opened:
                coming = Receiving(opened)
                yield coming
            target = self.path(coming.ended().digest)
            target.parent.mkdir(exist_ok=True)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def sweep(self, wanted: Collection[str]) -> None:
        """Remove the files that are not wanted, and what was still coming in when a process was killed."""
        if self._folder is None or not self._folder.exists():
            return
        for file in (*self._folder.glob("??/*"), *self._folder.glob(f"*{_COMING_IN}")):
            if file.name not in wanted:
                file.unlink()

    def close(self) -> None:
        """Remove a temporary folder; closing twice is allowed."""
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def _place(self) -> Path:
        if self._folder is not None:
            return self._folder
        with self._lock:
            if self._temporary is None:
                self._temporary = TemporaryDirectory(prefix="airtable-emulator-")
            return Path(self._temporary.name)


def _kept_key(file: Path) -> bytes:
    """The secret in the file, which is made when there is none; nobody else may read it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not file.exists():
        part = file.with_suffix(_COMING_IN)
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(secrets.token_bytes(KEY_BYTES))
        part.replace(file)
    return file.read_bytes()
