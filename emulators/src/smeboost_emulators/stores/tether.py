"""Turns itself into another program that cannot outlive its supervisor nor share its data with a twin.

Run as a script, never imported: `python -I -S tether.py PARENT SIGNAL UID GID LOCK STALE -- PROGRAM ARGUMENTS...`.
A program of our own between fork and exec is what Python's `preexec_fn` cannot be: safe beside threads. It uses
little of the standard library because it stands in the way of every start (about 15 ms).

- The kernel sends SIGNAL to the program when its parent dies (Linux, `prctl(2)` PR_SET_PDEATHSIG); elsewhere the
  lock below at least keeps a second one away.
- The lock on LOCK is inherited by the program and by every process that it forks, so it is free exactly when all
  of them are gone: a kill -9 leaves no stale lock, and an orphan that still writes keeps its data to itself.
- With the lock held, the file STALE (a pid file of a dead run) means nothing any more and is removed.
- UID and GID are taken last, so the files above may be ours alone; from then on nothing more can be imported,
  because Python itself may be out of that account's reach. `-` stands for "none".
"""

import ctypes
import fcntl
import os
import sys
import time

PR_SET_PDEATHSIG = 1
LOCK_WAIT_SECONDS = 3.0
LOCK_POLL_SECONDS = 0.02
EX_UNAVAILABLE = 69
EX_TEMPFAIL = 75


def main() -> None:
    """Prepare, then become the program."""
    parent, orphan_signal, uid, gid, lock, stale = sys.argv[1:7]
    program = sys.argv[8:]
    os.setpgid(0, 0)  # a Ctrl-C in the terminal is the supervisor's to handle
    if lock != "-":
        _take_lock(lock)
        if stale != "-":
            _remove(stale)
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    # After setuid: a change of credentials clears the parent-death signal.
    _die_with_parent(int(parent), int(orphan_signal))
    try:
        os.execv(program[0], program)  # noqa: S606  # no shell is the point
    except OSError as exc:
        _give_up(f"cannot run {program[0]}: {exc.strerror}", EX_UNAVAILABLE)


def _take_lock(path: str) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                _give_up(f"{os.path.dirname(path)} is in use by another process", EX_TEMPFAIL)  # noqa: PTH120
            time.sleep(LOCK_POLL_SECONDS)
    os.set_inheritable(descriptor, True)


def _remove(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)  # noqa: PTH108  # pathlib is slow to import


def _die_with_parent(parent: int, orphan_signal: int) -> None:
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, orphan_signal, 0, 0, 0)
    if os.getppid() != parent:
        _give_up("the supervisor is gone", EX_TEMPFAIL)


def _give_up(reason: str, status: int) -> None:
    sys.stderr.write(f"{reason}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
