"""Identity: what a retry, a reset or another worker computes again, so it may never change."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.identity import test_suffix as suffix_of
from rules.identity import vm_identity, vm_marks

WORKFLOW, CONTEXT = "failover-pgtest1", "ctx-pgtest1-20250922-210037"
parts = st.tuples(st.text(max_size=20), st.text(max_size=20), st.integers(1, 9999))
numbered = st.text("ab#0123456789:", max_size=8)


@pytest.mark.parametrize(
    ("workflow_id", "context_id", "generation", "identity"),
    (
        (WORKFLOW, CONTEXT, 1, "01c92bc1-47a8-5f6d-b922-4ffde711ae1b"),
        (WORKFLOW, CONTEXT, 2, "55a0f18a-86ba-595a-a3d7-f46ee541c55b"),
        ("Ünïcode Ⅻ", "ctx", 10, "1a0381ee-5a3e-5405-ab4f-21cba8bad200"),
    ),
)
def test_identities_are_the_ones_that_vms_in_the_field_carry(
    workflow_id: str, context_id: str, generation: int, identity: str
) -> None:
    assert vm_identity(workflow_id, context_id, generation) == identity


@pytest.mark.parametrize(
    ("workflow_id", "generation", "suffix"),
    (
        (WORKFLOW, 1, "bafa191595"),
        (WORKFLOW, 2, "bafa191595-2"),
        ("Ünïcode Ⅻ", 10, "a10737fc0f-10"),
    ),
)
def test_suffixes_are_the_ones_that_vms_in_the_field_carry(
    workflow_id: str, generation: int, suffix: str
) -> None:
    assert suffix_of(workflow_id, generation) == suffix


@given(parts)
def test_an_identity_is_a_lower_case_uuid_and_the_same_every_time(one: tuple[str, str, int]) -> None:
    identity = vm_identity(*one)

    assert str(UUID(identity)) == identity == identity.lower()
    assert vm_identity(*one) == identity


@given(st.tuples(numbered, numbered, st.integers(1, 120)), st.tuples(numbered, numbered, st.integers(1, 120)))
def test_two_failovers_never_share_an_identity_however_their_ids_are_split(
    one: tuple[str, str, int], other: tuple[str, str, int]
) -> None:
    assert (vm_identity(*one) == vm_identity(*other)) is (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    (
        (("ab", "c", 1), ("a", "bc", 1)),
        (("a", "b#1", 2), ("a", "b", 12)),
        (("1:a", "b", 1), ("a", "1:b", 1)),
    ),
)
def test_ids_that_read_the_same_when_put_together_are_kept_apart(
    one: tuple[str, str, int], other: tuple[str, str, int]
) -> None:
    assert vm_identity(*one) != vm_identity(*other)


@given(st.text(), st.integers(1, 99), st.integers(1, 99))
def test_each_generation_has_a_suffix_of_its_own(workflow_id: str, one: int, other: int) -> None:
    assert (suffix_of(workflow_id, one) == suffix_of(workflow_id, other)) is (one == other)


def test_the_mark_names_its_failover_and_nothing_else() -> None:
    assert vm_marks(WORKFLOW, CONTEXT, "test", "an-id") == {
        "failoverid": "an-id",
        "failoverworkflow": WORKFLOW,
        "failovercontext": CONTEXT,
        "failovertype": "test",
    }
