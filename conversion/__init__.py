"""Guest conversion on the appliance: the device is proven, one command runs at it, nothing of it outlives us.

Knows nothing of Temporal, and uses the standard library only, since the supervisor has to start fast.
"""

from conversion.converter import Converted, Converter, Guest, Leash
from conversion.errors import (
    CannotConvert,
    CommandFailed,
    ConversionError,
    DeviceHeld,
    DeviceNotFound,
    Interrupted,
    LockHeld,
    MayHaveWritten,
    NothingWritten,
    WrongDevice,
)
from conversion.order import DEVICE_DIRECTORY, LOCK_DIRECTORY, Nic, Places

__all__ = [
    "DEVICE_DIRECTORY",
    "LOCK_DIRECTORY",
    "CannotConvert",
    "CommandFailed",
    "ConversionError",
    "Converted",
    "Converter",
    "DeviceHeld",
    "DeviceNotFound",
    "Guest",
    "Interrupted",
    "Leash",
    "LockHeld",
    "MayHaveWritten",
    "Nic",
    "NothingWritten",
    "Places",
    "WrongDevice",
]
