"""How a conversion can fail: what decides is whether anything can have been written.

::

    ConversionError
    |-- NothingWritten           the command was never started: the disk is as it was
    |   |-- DeviceNotFound           no device of this volume is here
    |   |-- WrongDevice              what is here is not certainly this volume, or cannot be written to
    |   |-- DeviceHeld               something else has it: a mount, an export, a process
    |   |-- LockHeld                 another conversion is at it
    |   `-- CannotConvert            this machine cannot: the command or a directory is missing
    `-- MayHaveWritten           the command was started: the disk may be half converted
        |-- CommandFailed            it said so, or took too long: another try would end alike
        `-- Interrupted              it was ended from outside: cancelled, or the worker was lost
"""

from typing import ClassVar


class ConversionError(Exception):
    """The guest was not converted."""


class NothingWritten(ConversionError):
    """The command was never started."""

    kind: ClassVar[str] = ""


class DeviceNotFound(NothingWritten):
    """No device of this volume is here."""

    kind = "not_found"


class WrongDevice(NothingWritten):
    """What is here is not certainly this volume, or cannot be written to."""

    kind = "wrong_device"


class DeviceHeld(NothingWritten):
    """A mount, an export or another process has the device."""

    kind = "held"


class LockHeld(NothingWritten):
    """Another conversion is at the device, or its processes are still being ended."""

    kind = "locked"


class CannotConvert(NothingWritten):
    """The command or a directory is missing on this machine."""

    kind = "cannot"


class MayHaveWritten(ConversionError):
    """The command was started, so the disk may be half converted."""


class CommandFailed(MayHaveWritten):
    """The command ended with an error or took too long."""


class Interrupted(MayHaveWritten):
    """The command was ended from outside."""


REFUSALS: dict[str, type[NothingWritten]] = {
    one.kind: one for one in (DeviceNotFound, WrongDevice, DeviceHeld, LockHeld, CannotConvert)
}
"""The refusals by the name under which the supervisor reports them."""
