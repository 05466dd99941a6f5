"""CPU, memory and root disk of a new VM (observed, section 20)."""

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.cloudstack.entities import ServiceOffering, Template
from simulators.cloudstack.errors import refused

_LARGEST = 2**31 - 1
_LEAST_MEMORY_MB = 32
_GIB = 1024**3
_SIZE_KEYS = ("cpuNumber", "cpuSpeed", "memory")


@dataclass(frozen=True, slots=True)
class Size:
    """CPU count, MHz for each, and memory in MB."""

    cpu_number: int
    cpu_speed: int
    memory: int


def size_of(offering: ServiceOffering, details: Mapping[str, str]) -> Size:
    """Return the size of a VM of this offering; a custom one takes it from details, by exact key.

    Raises:
        ApiError: 431, a size where it is fixed, none where it is not, or one outside the bounds.
    """
    if offering.cpu_number is not None:
        if any(key in details for key in _SIZE_KEYS):
            raise refused(
                "cpuNumber or cpuSpeed or memory should not be specified for static service offering"
            )
        return Size(offering.cpu_number, offering.cpu_speed or 0, offering.memory or 0)
    if not details:
        what = "cpu, cpu speed and memory" if offering.cpu_speed is None else "cpu and memory"
        raise refused(f"Need to specify custom parameter values {what} when using custom offering")
    cpus = _between(
        details.get("cpuNumber"),
        offering.min_cpu_number or 1,
        offering.max_cpu_number or _LARGEST,
        "cpu cores",
    )
    return Size(cpus, _speed(offering, details), _memory(offering, details))


def _speed(offering: ServiceOffering, details: Mapping[str, str]) -> int:
    if offering.cpu_speed is None:
        return _between(details.get("cpuSpeed"), 1, _LARGEST, "cpu speed")
    if "cpuSpeed" in details:
        raise refused(
            f"The cpu speed of this offering id:{offering.id} is not customizable."
            " This is predefined in the template."
        )
    return offering.cpu_speed


def _memory(offering: ServiceOffering, details: Mapping[str, str]) -> int:
    least, most = offering.min_memory or _LEAST_MEMORY_MB, offering.max_memory or _LARGEST
    return _between(details.get("memory"), least, most, "memory")


def _between(text: str | None, least: int, most: int, what: str) -> int:
    number = int(text) if text is not None and text.isdecimal() else None
    if number is None or not least <= number <= most:
        raise refused(f"Invalid {what} value, specify a value between {least} and {most}")
    return number


def root_disk_size(template: Template, wanted: str) -> int:
    """Return the size of the root disk in bytes; ``wanted`` is in GB, the template's own size if empty.

    Raises:
        ApiError: 431, no positive number, or smaller than the template.
    """
    if not wanted:
        return template.size
    size = int(wanted) * _GIB if wanted.isdecimal() else 0
    if size <= 0:
        raise refused("Root disk size should be a positive number.")
    if size < template.size:
        raise refused(
            f"Unsupported: rootdisksize override ({wanted} GB) is smaller than template size"
            f" ({template.size / _GIB:.2f} GB) {template.size}"
        )
    return size
