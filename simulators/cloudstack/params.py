"""The parameters of one request, read as the real server reads them."""

import re
from collections.abc import Iterator, Mapping

from simulators.cloudstack.errors import bad_argument, missing_parameter

_ARRAY = re.compile(r"(?P<name>[^\[\]]+)\[(?P<index>\d+)\]\.(?P<key>.+)")
_CREDENTIAL_NAMES = frozenset({"apikey", "signature", "sessionkey", "userdata", "password"})


class Params:
    """Parameters by name, without regard to the case of the name.

    Keys behind an index, as ``cpuNumber`` in ``details[0].cpuNumber``, keep their case: it matters
    (observed, section 20). What no command reads is ignored without a word (section 6).
    """

    def __init__(self, command: str, raw: Mapping[str, str]) -> None:
        self.command = command
        self._values: dict[str, str] = {}
        self._arrays: dict[str, dict[int, dict[str, str]]] = {}
        for name, value in raw.items():
            found = _ARRAY.fullmatch(name)
            if found is None:
                self._values[name.lower()] = value
            else:
                array = self._arrays.setdefault(found["name"].lower(), {})
                array.setdefault(int(found["index"]), {})[found["key"]] = value

    def __contains__(self, name: str) -> bool:
        return name in self._values or name in self._arrays

    def get(self, name: str) -> str:
        """Return the value, empty where there is none."""
        return self._values.get(name, "")

    def required(self, name: str) -> str:
        """Return the value of a parameter that has to be there.

        Raises:
            ApiError: 431, it is missing.
        """
        if not self.get(name) and name not in self._arrays:
            raise missing_parameter(self.command, name)
        return self.get(name)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a boolean: whatever is not ``true`` is false."""
        value = self.get(name)
        return value.lower() == "true" if value else default

    def number(self, name: str) -> int | None:
        """Return a whole number, None where there is none.

        Raises:
            ApiError: 431, it is no whole number.
        """
        value = self.get(name)
        if not value:
            return None
        try:
            return int(value)
        except ValueError:
            raise bad_argument(self.command, f"Invalid value {value} for parameter {name}") from None

    def many(self, name: str) -> list[str]:
        """Return the parts of a value with commas."""
        return [part.strip() for part in self.get(name).split(",") if part.strip()]

    def array(self, name: str) -> list[dict[str, str]]:
        """Return the entries ``name[i].key`` by rising index; gaps are fine (observed, section 1)."""
        return [entry for _, entry in sorted(self._arrays.get(name, {}).items())]

    def mapping(self, name: str) -> dict[str, str]:
        """Return all keys of all entries ``name[i].key`` in one map, as details are read (section 15)."""
        return {key: value for entry in self.array(name) for key, value in entry.items()}


def without_credentials(raw: Mapping[str, str]) -> dict[str, str]:
    """Return the request's parameters that may be recorded, names in lower case."""
    return dict(_recordable(raw))


def _recordable(raw: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in raw.items():
        if name.lower() not in _CREDENTIAL_NAMES:
            head, bracket, tail = name.partition("[")
            yield f"{head.lower()}{bracket}{tail}", value
