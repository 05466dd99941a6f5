"""Firmware and guest family, from words as they are found in the field."""

import pytest

from database.guests import firmware_of, guest_of
from rules.disks import Firmware, GuestFamily


@pytest.mark.parametrize(
    ("os_types", "family", "word"),
    (
        (("windows",), GuestFamily.WINDOWS, "windows"),
        (("Microsoft Windows Server 2019 (64-bit)",), GuestFamily.WINDOWS, None),
        (("windows2019srv_64Guest",), GuestFamily.WINDOWS, None),
        (("winNetStandardGuest",), GuestFamily.WINDOWS, None),
        (("linux",), GuestFamily.LINUX, None),
        (("otherLinux64Guest",), GuestFamily.LINUX, None),
        (("ubuntu64Guest",), GuestFamily.LINUX, None),
        (("Red Hat Enterprise Linux 8",), GuestFamily.LINUX, None),
        (("darwin19_64Guest",), GuestFamily.UNKNOWN, "darwin19_64Guest"),
        (("freebsd12_64Guest",), GuestFamily.UNKNOWN, None),
        (("unknown",), GuestFamily.UNKNOWN, None),
        ((), GuestFamily.UNKNOWN, ""),
        (("", "  "), GuestFamily.UNKNOWN, ""),
        # The context does not say, a disk row does.
        (("", "unknown", "windows"), GuestFamily.WINDOWS, "windows"),
        # The first word that tells something counts.
        (("linux", "windows"), GuestFamily.LINUX, "linux"),
    ),
)
def test_the_first_telling_word_names_the_family(
    os_types: tuple[str, ...], family: GuestFamily, word: str | None
) -> None:
    expected = os_types[0] if word is None else word
    assert guest_of(os_types) == (family, expected)


@pytest.mark.parametrize(
    ("setups", "expected"),
    (
        (('{"firmware": "bios"}',), Firmware.BIOS),
        (('{"firmware": "efi"}',), Firmware.UEFI),
        (('{"Firmware": "UEFI", "bios_uuid": "4213-bios"}',), Firmware.UEFI),
        # The name of a field says nothing.
        (('{"efiSecureBootEnabled": false, "firmware": "bios"}',), Firmware.BIOS),
        (('{"bios_setup": {"type": "efi"}}',), Firmware.UEFI),
        (('["efi"]',), Firmware.UEFI),
        (('"bios"',), Firmware.BIOS),
        (("efi",), Firmware.UEFI),
        (("Firmware: EFI, secure boot",), Firmware.UEFI),
        (("BIOS",), Firmware.BIOS),
        (("phoenix bios or efi",), Firmware.UNKNOWN),
        (("",), Firmware.UNKNOWN),
        (("{}",), Firmware.UNKNOWN),
        (("null",), Firmware.UNKNOWN),
        (("17",), Firmware.UNKNOWN),
        (("definitely something else",), Firmware.UNKNOWN),
        ((), Firmware.UNKNOWN),
        # Every disk row repeats it; one may be silent, but none may contradict.
        (("bios", "", "bios"), Firmware.BIOS),
        (("bios", "efi"), Firmware.UNKNOWN),
    ),
)
def test_the_firmware_is_what_all_disk_rows_say(setups: tuple[str, ...], expected: Firmware) -> None:
    assert firmware_of(setups) is expected
