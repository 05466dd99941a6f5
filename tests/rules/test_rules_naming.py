"""Names and MAC addresses against what CloudStack was observed to take (sections 1 and 3)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.identity import test_suffix as suffix_of
from rules.naming import MAX_DISPLAY_NAME_LENGTH, display_name, is_usable_mac, live_vm_name
from rules.naming import test_vm_name as name_of_test

ACCEPTED = re.compile(r"[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)
vm_names = st.one_of(
    st.text(max_size=90),
    st.text("aZ09-._ é", max_size=90),
    st.integers(1, 90).map(lambda length: "a" * length),
    st.integers(1, 90).map(lambda length: "a" + "-" * length + "b"),
)


@given(vm_names)
def test_cloudstack_takes_every_live_name(vm_name: str) -> None:
    assert ACCEPTED.fullmatch(live_vm_name(vm_name))


@given(vm_names, st.text(max_size=40), st.integers(1, 10**6))
def test_cloudstack_takes_every_test_name_and_the_suffix_is_never_cut(
    vm_name: str, workflow_id: str, generation: int
) -> None:
    suffix = suffix_of(workflow_id, generation)
    name = name_of_test(vm_name, suffix)

    assert ACCEPTED.fullmatch(name)
    assert name.endswith(f"-test-{suffix}")
    assert len(name) > len(f"-test-{suffix}")


@given(st.from_regex(ACCEPTED, fullmatch=True))
def test_a_name_that_cloudstack_takes_stays_as_it_is(vm_name: str) -> None:
    assert live_vm_name(vm_name) == vm_name


@given(vm_names, vm_names, st.text(min_size=1), st.text(min_size=1))
def test_two_tests_never_share_a_name_whatever_their_vms_are_called(
    one: str, other: str, workflow: str, other_workflow: str
) -> None:
    if workflow != other_workflow:
        assert name_of_test(one, suffix_of(workflow, 1)) != name_of_test(other, suffix_of(other_workflow, 1))


@pytest.mark.parametrize(
    ("vm_name", "expected"),
    (
        ("pgtest1", "pgtest1"),
        ("PgTest1", "PgTest1"),
        ("my.web server_01", "my-web-server-01"),
        ("--edge--", "edge"),
        ("7zip", "vm-7zip"),
        ("", "vm"),
        ("...", "vm"),
        ("日本", "vm"),
        ("Zürich", "Z-rich"),
        ("a" * 63, "a" * 63),
        ("a" * 64, "a" * 63),
        ("a" * 62 + "-b", "a" * 62),
        ("7" + "a" * 62, "vm-7" + "a" * 59),
    ),
)
def test_a_live_name_changes_only_where_cloudstack_would_refuse_it(vm_name: str, expected: str) -> None:
    assert live_vm_name(vm_name) == expected


@pytest.mark.parametrize(
    ("vm_name", "expected"),
    (
        ("pgtest1", "pgtest1-test-0123456789"),
        ("a" * 255, "a" * 47 + "-test-0123456789"),
        ("a" * 46 + "-b", "a" * 46 + "-test-0123456789"),
        ("", "vm-test-0123456789"),
        ("9", "vm-9-test-0123456789"),
    ),
)
def test_a_test_name_is_the_vms_with_a_suffix(vm_name: str, expected: str) -> None:
    assert name_of_test(vm_name, "0123456789") == expected


@given(st.text(max_size=400))
def test_a_display_name_is_short_enough_and_has_no_control_characters(vm_name: str) -> None:
    shown = display_name(vm_name)

    assert len(shown) <= MAX_DISPLAY_NAME_LENGTH
    assert not [letter for letter in shown if ord(letter) < 0x20 or ord(letter) == 0x7F]


@pytest.mark.parametrize(
    ("vm_name", "expected"),
    (
        ("Zürich 01 🎉", "Zürich 01 🎉"),
        ("tab\there\r\n", "tab here "),
        ("a" * 256, "a" * 255),
    ),
)
def test_a_display_name_is_as_people_wrote_it(vm_name: str, expected: str) -> None:
    assert display_name(vm_name) == expected


@pytest.mark.parametrize(
    ("mac", "usable"),
    (
        ("00:50:56:01:00:01", True),
        ("00-50-56-01-00-01", True),
        ("02:AB:CD:EF:00:01", True),
        ("01:00:5e:00:00:01", False),
        ("ff:ff:ff:ff:ff:ff", False),
        ("00:50:56:01:00", False),
        ("00:50:56:01:00:01:02", False),
        ("00:50:56:01:00:0g", False),
        ("005056010001", False),
        ("00:50:56:01:00:01\n", False),
        ("", False),
    ),
)
def test_a_mac_address_is_six_octets_and_unicast(mac: str, *, usable: bool) -> None:
    assert is_usable_mac(mac) is usable
