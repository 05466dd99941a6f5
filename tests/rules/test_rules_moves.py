"""The next step of a disk's move, and what its snapshots and clones are called."""

from uuid import UUID

import pytest

from rules.clones import (
    clone_identity,
    clone_name,
    clone_tags,
    mark_value,
    snapshot_name,
    snapshot_prefix,
    snapshot_tags,
)
from rules.disks import VolumeFacts
from rules.placement import GONE, Step, Target, next_step

APPLIANCE, OURS, OTHER = "appliance-vm", "our-vm", "another-vm"
ALLOWED = (APPLIANCE, OURS)
NOWHERE, AT_APPLIANCE = Target(), Target(vm_id=APPLIANCE)
ROOT, DATA = Target(vm_id=OURS, device_id=0), Target(vm_id=OURS, device_id=4)
PASSING = ("Snapshotting", "Attaching", "Migrating", "Reverting", "Resizing", "")


def at(vm_id: str = "", device_id: int | None = None, state: str = "Ready") -> VolumeFacts:
    return VolumeFacts(volume_id="v", vm_id=vm_id, device_id=device_id, state=state)


@pytest.mark.parametrize(
    ("volume", "to", "step"),
    (
        pytest.param(at(), NOWHERE, Step.PLACED, id="nowhere, and there it is to be"),
        pytest.param(at(APPLIANCE, 3), AT_APPLIANCE, Step.PLACED, id="at the appliance, at any place"),
        pytest.param(at(OURS, 0), ROOT, Step.PLACED, id="root"),
        pytest.param(at(OURS, 4), DATA, Step.PLACED, id="data"),
        pytest.param(at(APPLIANCE, 1), NOWHERE, Step.DETACH, id="off the appliance"),
        pytest.param(at(APPLIANCE, 1), ROOT, Step.DETACH, id="to our VM: first off the appliance"),
        pytest.param(at(OURS, 1), DATA, Step.DETACH, id="our VM, another place"),
        pytest.param(at(OURS, 0), AT_APPLIANCE, Step.DETACH, id="the way back"),
        pytest.param(at(), ROOT, Step.ATTACH, id="then to our VM"),
        pytest.param(at(), AT_APPLIANCE, Step.ATTACH, id="then to the appliance"),
        pytest.param(at(state="Allocated"), ROOT, Step.ATTACH, id="allocated"),
        pytest.param(at(state="Uploaded"), ROOT, Step.ATTACH, id="uploaded"),
        pytest.param(at(OTHER, 1), ROOT, Step.ELSEWHERE, id="somebody else's"),
        pytest.param(at(OTHER, 1), NOWHERE, Step.ELSEWHERE, id="never taken from somebody else"),
        pytest.param(VolumeFacts(volume_id="v", found=False), ROOT, Step.ELSEWHERE, id="no such volume"),
        *(pytest.param(at(state=state), ROOT, Step.ELSEWHERE, id=state) for state in sorted(GONE)),
        *(
            pytest.param(at(APPLIANCE, 1, state), ROOT, Step.WAIT, id=state or "no state")
            for state in PASSING
        ),
        *(pytest.param(at(OURS, 0, state), ROOT, Step.WAIT, id=f"{state}, there") for state in PASSING),
    ),
)
def test_the_next_step(volume: VolumeFacts, to: Target, step: Step) -> None:
    assert next_step(volume, to, ALLOWED) is step


def test_a_clone_has_one_id_for_each_generation_replica_and_failover() -> None:
    made = {
        clone_identity(workflow, context, replica, generation)
        for workflow in ("w", "w1", "")
        for context in ("c", "1c")
        for replica in ("r", "s")
        for generation in (1, 2)
    }

    assert len(made) == 24
    assert all(str(UUID(one)) == one == one.lower() for one in made)
    assert clone_identity("w", "c", "r", 1) in made


@pytest.mark.parametrize(
    ("made", "known"),
    (
        (clone_identity("failover-pgtest1", "ctx", "r-1", 1), "293b9181-7fc1-58b6-840c-98197d919a7b"),
        (clone_name("failover-pgtest1", "r-1"), "failover-clone-bafa191595440507-r-1"),
        (
            snapshot_name("failover-pgtest1", "disk-2000", "rollback", 2),
            "failover-rollback-bafa191595440507-2-disk-2000",
        ),
    ),
)
def test_ids_and_names_are_the_ones_that_volumes_in_the_field_carry(made: str, known: str) -> None:
    assert made == known


def test_names_are_of_one_failover_and_fit() -> None:
    long = "x" * 400

    assert clone_name("w1", "r") != clone_name("w2", "r")
    assert len(clone_name(long, long)) <= 255
    assert len(snapshot_name(long, long, "rollback", 1)) <= 255
    assert snapshot_name("w", "d", "clone", 1).startswith(snapshot_prefix("w", "clone"))
    assert not snapshot_name("w", "d", "clone", 1).startswith(snapshot_prefix("w", "rollback"))
    assert snapshot_name("w", "d", "clone", 1) != snapshot_name("w", "d", "clone", 2)


def test_tags_name_failover_context_volume_and_attempt() -> None:
    clone = {"failoverworkflow": "w", "failovercontext": "c", "failovervolume": "v"}

    assert clone_tags("w", "c", "v") == clone
    assert snapshot_tags("w", "c", "rollback", "v", 3) == {
        **clone,
        "failoverpurpose": "rollback",
        "failoverattempt": "3",
    }


def test_what_is_too_long_for_a_tag_is_its_digest_so_that_two_never_become_one() -> None:
    fits, one, other = "w" * 255, "w" * 256, "w" * 257

    assert mark_value(fits) == fits
    assert len({mark_value(fits), mark_value(one), mark_value(other)}) == 3
    assert len(mark_value(one)) <= 255
    assert snapshot_tags(one, "c", "clone", "v", 1)["failoverworkflow"] == mark_value(one)
