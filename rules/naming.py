"""Names and addresses that CloudStack accepts (observed, sections 1 and 3)."""

import re

MAX_NAME_LENGTH = 63
MAX_DISPLAY_NAME_LENGTH = 255
_FALLBACK_STEM = "vm"
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9-]+")
_MAC = re.compile(r"(?i)[0-9a-f]{2}([:-][0-9a-f]{2}){5}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def live_vm_name(vm_name: str) -> str:
    """Return the VM's own name, changed only where CloudStack would refuse it.

    CloudStack takes 1 to 63 ASCII letters, digits and hyphens, no leading digit, no hyphen at either end.
    """
    return _valid(vm_name, MAX_NAME_LENGTH)


def test_vm_name(vm_name: str, suffix: str) -> str:
    """Return ``<name>-test-<suffix>`` within 63 characters; the name is cut, never the suffix.

    Args:
        vm_name: The source VM's name.
        suffix: Letters, digits and hyphens that make the name unique.
    """
    tail = f"-test-{suffix}"
    return _valid(vm_name, MAX_NAME_LENGTH - len(tail)) + tail


test_vm_name.__test__ = False  # type: ignore[attr-defined]  # pytest would take the name for a test


def drill_keyword(vm_name: str) -> str:
    """Return what the names of all test VMs of this source VM begin with, however long they are."""
    return _valid(vm_name, MAX_NAME_LENGTH // 2)


def display_name(vm_name: str) -> str:
    """Return the name for people: as it is in VMware, without control characters, at most 255 long."""
    return _CONTROL.sub(" ", vm_name)[:MAX_DISPLAY_NAME_LENGTH]


def is_usable_mac(mac_address: str) -> bool:
    """Whether CloudStack takes the MAC address: six octets, unicast."""
    return bool(_MAC.fullmatch(mac_address)) and int(mac_address[:2], 16) % 2 == 0


def _valid(name: str, length: int) -> str:
    stem = _NOT_ALLOWED.sub("-", name).strip("-")
    if not stem:
        stem = _FALLBACK_STEM
    if stem[0].isdigit():
        stem = f"{_FALLBACK_STEM}-{stem}"
    return stem[:length].rstrip("-")
