"""One conversion at a device: a lock of the operating system, which a crash cannot leave behind."""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from conversion.errors import CannotConvert, LockHeld


def take_locks(volume_ids: Sequence[str], folder: str) -> list[int]:
    """Lock the volumes, in the same order whoever asks; returns the descriptors, which are the locks.

    They are meant to be inherited by the command: should the supervisor be killed, the locks last until the
    last process of the command has ended. The files stay: to remove one would let two lock "the same" file.

    Raises:
        LockHeld: Another conversion has one of them.
        CannotConvert: The directory cannot be used.
    """
    taken: list[int] = []
    try:
        for volume_id in sorted(set(volume_ids)):
            taken.append(  # noqa: PERF401 - what was taken must be known when the next one fails
                _lock(_file(volume_id, folder), volume_id)
            )
    except BaseException:
        release(taken)
        raise
    return taken


def release(descriptors: Sequence[int]) -> None:
    """Give locks back."""
    for one in descriptors:
        os.close(one)


def keepers(volume_id: str, folder: str) -> list[int]:
    """Return the processes that have the lock's file open: those of the conversion that has the lock."""
    try:
        wanted = _file(volume_id, folder).stat()
    except OSError:
        return []
    found = []
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            status = descriptor.stat()
        except OSError:
            continue  # it ended, or belongs to somebody else
        if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
            found.append(int(descriptor.parts[2]))
    return found


def _file(volume_id: str, folder: str) -> Path:
    return Path(folder, f"failover-conversion-{volume_id}.lock")


def _lock(file: Path, volume_id: str) -> int:
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotConvert(f"no lock can be made in {file.parent} ({type(error).__name__})") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise LockHeld(f"another conversion is at volume {volume_id}") from None
    return descriptor
