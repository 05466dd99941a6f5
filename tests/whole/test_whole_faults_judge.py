"""The judge itself: whatever is left and not named, or named and not there, it says so."""

from dataclasses import replace
from typing import Any

import pytest

from tests.whole.claims import untrue
from tests.whole.fault_judge import Claim
from tests.whole.fault_world import World

_RUN = "failover-1"
_CONTEXT = {
    "context_id": "ctx",
    "current_status": "ready_for_failover",
    "scheduler_enabled": 1,
    "last_operation_summary": None,
}
_NOBODY: dict[str, Any] = {"fence_workflow_id": None, "dirty_workflow_id": None}
BEFORE = World(
    vms={"appliance": ("appliance", "Running")},
    nics={},
    volumes={"replica": ("appliance", 1, "pool", "old", "replica")},
    snapshots={},
    replicas={"disk-2000": ("replica", "appliance", "old")},
    source="poweredOn",
    syncs={},
    rows={
        "failover_leases": [],
        "failover_runs": [],
        "failover_jobs": [],
        "failover_replicas": [],
        "vm_replication_contexts": [_CONTEXT],
        "vm_disks": [{"disk_id": "disk-2000", "disk_change_id": "change"}],
        "ossea_volumes": [{"volume_id": "replica", "snapshot_id": None}],
    },
)
_ENDED = {"workflow_id": _RUN, "state": "failed", "vm_state": "removed", "vm_id": "", "ending": None}
_RECORDED: dict[str, Any] = {
    "failover_runs": [_ENDED],
    "failover_jobs": [{"job_id": _RUN, "status": "failed"}],
}


def _after(rows: dict[str, Any] | None = None, **changed: Any) -> World:  # noqa: ANN401 - whatever a World has
    return replace(BEFORE, rows={**BEFORE.rows, **_RECORDED, **(rows or {})}, **changed)


def _failed(*left_behind: str, restored: tuple[str, ...] = ()) -> Claim:
    return Claim(_RUN, "failed", live=True, left_behind=left_behind, restored=restored)


_STATUS = {"vm_replication_contexts": [{**_CONTEXT, "current_status": "cleanup_required"}]}


def test_a_world_that_is_as_it_was_needs_no_word() -> None:
    assert untrue(BEFORE, _after(), _failed()) == []


@pytest.mark.parametrize(
    ("after", "line"),
    (
        (_after(_STATUS, vms={**BEFORE.vms, "new": ("pgtest1", "Stopped")}), "pgtest1 (new): not removed"),
        (
            _after(_STATUS, volumes={**BEFORE.volumes, "clone": ("", None, "pool", "old", "a clone")}),
            "a clone (clone): not removed",
        ),
        (
            _after(_STATUS, snapshots={"snap": ("one", "replica", "BackedUp")}),
            "snapshot one (snap): not removed",
        ),
        (
            _after(_STATUS, replicas={"disk-2000": ("replica", "", "old")}),
            "disk disk-2000 (volume replica): not back at the appliance",
        ),
        (_after(_STATUS, source="poweredOff"), "source VM: not powered on: it burns"),
        (
            _after(_STATUS | {"failover_replicas": [{**_NOBODY, "fence_workflow_id": _RUN}]}),
            "replication stays fenced: nobody knows why",
        ),
    ),
    ids=("a VM", "a volume", "a snapshot", "a replica", "the source", "the fence"),
)
def test_what_is_left_is_named_and_what_is_named_is_left(after: World, line: str) -> None:
    assert untrue(BEFORE, after, _failed(line)) == []
    assert any("not named" in one for one in untrue(BEFORE, after, _failed()))
    (over, status) = untrue(BEFORE, _after(), _failed(line))
    assert over == f"not there: {line}"
    assert "status" in status
    assert untrue(BEFORE, _after(_STATUS), _failed(line), lenient=True) == []


def test_a_replica_that_was_written_to_is_synced_in_full_or_by_nobody() -> None:
    written = {"disk-2000": ("replica", "appliance", "new")}
    line = "disk disk-2000: not reverted to snapshot snap"
    cleared = {"vm_disks": [{"disk_id": "disk-2000", "disk_change_id": None}]}
    said = _failed(line, restored=("change ids cleared: the next sync of every disk is a full one",))
    assert untrue(BEFORE, _after(cleared, replicas=written), said) == []
    assert any("in full" in one for one in untrue(BEFORE, _after(replicas=written), _failed(line)))
    assert any("cleared" in one for one in untrue(BEFORE, _after(cleared, replicas=written), _failed(line)))


@pytest.mark.parametrize(
    ("rows", "word"),
    (
        ({"failover_leases": [{"resource": "context:ctx:live", "owner_workflow_id": _RUN}]}, "leases"),
        ({"vm_replication_contexts": [{**_CONTEXT, "current_status": "failed_over_live"}]}, "status"),
        ({"vm_replication_contexts": [{**_CONTEXT, "scheduler_enabled": 0}]}, "not named"),
        ({"vm_disks": [{"disk_id": "disk-2000", "disk_change_id": "another"}]}, "change ids"),
        ({"failover_jobs": [{"job_id": _RUN, "status": "completed"}]}, "job's status"),
        ({"failover_runs": [{**_ENDED, "state": "undoing"}]}, "run's state"),
        ({"failover_runs": [{**_ENDED, "vm_state": "running"}]}, "VM's state"),
        ({"ossea_volumes": [{"volume_id": "replica", "snapshot_id": "snap"}]}, "not named"),
    ),
)
def test_every_row_that_says_something_else_is_seen(rows: dict[str, Any], word: str) -> None:
    assert any(word in one for one in untrue(BEFORE, _after(rows), _failed()))


def test_what_was_others_and_is_gone_is_seen() -> None:
    assert any("others" in one for one in untrue(BEFORE, _after(vms={}), _failed()))
    assert any("others" in one for one in untrue(BEFORE, _after(volumes={}), _failed()))
