"""How long something is to last, as people write it: "90s", "30m", "4h", "2d"."""

from typing import Final

DURATION_PATTERN: Final = r"^[0-9]{1,9}[smhd]$"
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration_seconds(duration: str) -> float:
    """Return a duration of that pattern in seconds."""
    return float(int(duration[:-1]) * _UNITS[duration[-1]])
