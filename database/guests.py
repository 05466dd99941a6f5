"""Firmware and guest family, from the words that discovery stored."""

import json
import re
from collections.abc import Iterable, Iterator

from rules.disks import Firmware, GuestFamily

_LINUX = (
    "linux", "ubuntu", "debian", "centos", "rhel", "red hat", "redhat", "sles", "suse", "fedora",
    "rocky", "photon", "coreos",
)  # fmt: skip
_UEFI, _BIOS = frozenset({"efi", "uefi"}), frozenset({"bios"})


def guest_of(os_types: Iterable[str]) -> tuple[GuestFamily, str]:
    """Return the family that the first telling word names, with that word.

    Args:
        os_types: VMware guest ids, names of operating systems or ``windows``, ``linux``; best first.
    """
    words = [word for word in os_types if word.strip()]
    for word in words:
        family = _family(word.strip().lower())
        if family is not GuestFamily.UNKNOWN:
            return family, word
    return GuestFamily.UNKNOWN, words[0] if words else ""


def firmware_of(setups: Iterable[str]) -> Firmware:
    """Return the firmware that ``vm_disks.bios_setup`` names: free text, or JSON with a ``firmware``.

    Each disk row repeats it. Rows that contradict one another say nothing.
    """
    said = {found for setup in setups for found in _firmware(setup)}
    return said.pop() if len(said) == 1 else Firmware.UNKNOWN


def _family(word: str) -> GuestFamily:
    # "win" alone would also be in "darwin".
    if word.startswith("win") or "windows" in word:
        return GuestFamily.WINDOWS
    if any(name in word for name in _LINUX):
        return GuestFamily.LINUX
    return GuestFamily.UNKNOWN


def _firmware(setup: str) -> set[Firmware]:
    """Find the words in what a setup says. Names of JSON fields say nothing: one is "efiSecureBoot"."""
    try:
        said = list(_texts(json.loads(setup)))
    except ValueError:
        said = [setup]
    words = {word for one in said for word in re.findall(r"[a-z]+", one.lower())}
    found = set()
    if words & _UEFI:
        found.add(Firmware.UEFI)
    if words & _BIOS:
        found.add(Firmware.BIOS)
    return found


def _texts(value: object) -> Iterator[str]:
    """Yield a ``firmware`` field's value alone where there is one, else every text in it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        named = {str(key).lower(): one for key, one in value.items()}
        if "firmware" in named:
            yield from _texts(named["firmware"])
        else:
            for one in named.values():
                yield from _texts(one)
