"""Which disk goes where: the boot disk is never guessed, and the place CloudStack reserves is left out."""

from typing import Any

import pytest

from rules.disk_plan import device_ids, disk_gb, plan_disks
from rules.disks import DiskPlan, ReplicatedDisk
from rules.preflight import Check, CheckStatus
from rules.request import UnifiedFailoverConfig
from tests.rules.situations import APPLIANCE, GB, disk, replication, request, volume, volume_id

LIVE = request("live")


def planned(
    *disks: ReplicatedDisk, config: UnifiedFailoverConfig = LIVE, most: int = 6
) -> tuple[tuple[DiskPlan, ...], Check, Check]:
    volumes = [volume(number) for number in range(9)]
    known = replication(*disks) if disks else replication().model_copy(update={"disks": ()})
    plan, (boot, ids) = plan_disks(config, known, volumes, most)
    assert (boot.name, ids.name) == ("boot_disk", "device_ids")
    return plan, boot, ids


@pytest.mark.parametrize(
    ("number", "ids"), ((0, ()), (1, (0,)), (3, (0, 1, 2)), (4, (0, 1, 2, 4)), (7, (0, 1, 2, 4, 5, 6, 7)))
)
def test_device_ids_leave_out_the_reserved_one(number: int, ids: tuple[int, ...]) -> None:
    assert device_ids(number) == ids


def test_every_disk_has_its_place_and_the_boot_disk_is_first() -> None:
    plan, _, _ = planned(disk(3), disk(0), disk(2), disk(1))

    assert [(one.disk_id, one.device_id, one.is_boot) for one in plan] == [
        ("disk-2000", 0, True),
        ("disk-2001", 1, False),
        ("disk-2002", 2, False),
        ("disk-2003", 4, False),
    ]
    assert plan[0] == DiskPlan(
        disk_id="disk-2000",
        volume_id=volume_id(0),
        device_id=0,
        size_gb=10,
        is_boot=True,
        storage_id=volume(0).storage_id,
        appliance_device_id=1,
    )


def test_data_disks_come_in_the_order_in_which_the_guest_saw_them() -> None:
    plan, _, _ = planned(
        disk(1, disk_id="disk-16000"), disk(2, disk_id="disk-3000"), disk(0), disk(3, disk_id="data")
    )

    assert [one.disk_id for one in plan] == ["disk-2000", "data", "disk-3000", "disk-16000"]


@pytest.mark.parametrize(
    ("disks", "boot"),
    (
        pytest.param((disk(4, disk_id="disk-2004"),), "disk-2004", id="the only one, wherever it is"),
        pytest.param((disk(5), disk(0, disk_id="scsi0-0")), "scsi0-0", id="the only one at unit 0"),
        pytest.param((disk(0, disk_id="disk-2000", unit_number=1), disk(1, unit_number=0)), "disk-2001",
                     id="a name is no reason"),
    ),
)  # fmt: skip
def test_the_boot_disk_is_the_one_that_it_can_only_be(disks: tuple[ReplicatedDisk, ...], boot: str) -> None:
    plan, check, _ = planned(*disks)

    assert check.status is CheckStatus.PASS
    assert [one.disk_id for one in plan if one.is_boot] == [boot]
    assert plan[0].disk_id == boot


@pytest.mark.parametrize(
    ("disks", "candidates"),
    (
        pytest.param((disk(0), disk(1, unit_number=0)), ("disk-2000", "disk-2001"), id="two controllers"),
        pytest.param(
            (disk(0, unit_number=None), disk(1, unit_number=None)), ("disk-2000", "disk-2001"), id="unknown"
        ),
        pytest.param((disk(1), disk(2)), ("disk-2001", "disk-2002"), id="none at unit 0"),
        pytest.param(
            (disk(0), disk(1, unit_number=0, label=""), disk(2)), ("disk-2000", "disk-2001 (no label"),
            id="only the candidates",
        ),
    ),
)  # fmt: skip
def test_where_several_may_be_the_boot_disk_the_candidates_are_named(
    disks: tuple[ReplicatedDisk, ...], candidates: tuple[str, ...]
) -> None:
    plan, check, _ = planned(*disks)

    assert plan == ()
    assert check.status is CheckStatus.FAILURE
    assert all(one in check.message for one in candidates)
    assert "boot_disk" in check.fix
    assert ("disk-2002" in check.message) is ("disk-2002" in candidates)


def test_the_request_decides_where_nothing_else_does() -> None:
    plan, check, _ = planned(disk(0), disk(1, unit_number=0), config=request("live", boot_disk="disk-2001"))

    assert check.status is CheckStatus.PASS
    assert [(one.disk_id, one.device_id) for one in plan] == [("disk-2001", 0), ("disk-2000", 1)]


@pytest.mark.parametrize(
    ("disks", "said"),
    (((disk(0), disk(1)), "no disk"), ((disk(0, disk_id="zq9"), disk(1, disk_id="zq9")), "several disks")),
)
def test_a_boot_disk_that_is_not_there_once_is_refused(disks: tuple[ReplicatedDisk, ...], said: str) -> None:
    plan, check, _ = planned(*disks, config=request("live", boot_disk="zq9"))

    assert (plan, check.status) == ((), CheckStatus.FAILURE)
    assert said in check.message
    # The value is the caller's; only the database's names are shown.
    assert "zq9" not in check.message


def test_a_vm_without_disks_has_no_plan() -> None:
    plan, boot, ids = planned()
    assert (plan, boot.status, ids.status) == ((), CheckStatus.FAILURE, CheckStatus.PASS)
    assert planned(config=request("live", boot_disk="x"))[1].fix == "Name one of: none is known"


@pytest.mark.parametrize(("most", "status"), ((2, CheckStatus.PASS), (1, CheckStatus.FAILURE)))
def test_more_disks_than_a_vm_may_have_are_refused(most: int, status: CheckStatus) -> None:
    plan, _, check = planned(disk(0), disk(1), disk(2), most=most)

    assert check.status is status
    assert bool(plan) is (status is CheckStatus.PASS)


@pytest.mark.parametrize("missing", (disk(1, volume_id=""), disk(1, volume_id=volume_id(77))))
def test_without_every_volume_there_is_no_plan(missing: ReplicatedDisk) -> None:
    assert planned(disk(0), missing)[0] == ()


def test_a_volume_that_is_not_found_is_none() -> None:
    plan, _ = plan_disks(LIVE, replication(disk(0)), [volume(0, found=False)], 6)

    assert plan == ()


@pytest.mark.parametrize(
    ("values", "place"),
    (
        ({"vm_id": APPLIANCE.upper(), "device_id": 4}, 4),
        ({"vm_id": "", "device_id": None}, None),
        ({"vm_id": "another", "device_id": 2}, None),
    ),
)
def test_the_place_at_the_appliance_is_kept_for_the_way_back(
    values: dict[str, Any], place: int | None
) -> None:
    ((plan,), _) = plan_disks(LIVE, replication(disk(0)), [volume(0, **values)], 6)

    assert plan.appliance_device_id == place


def test_ids_are_compared_without_case_and_cloudstacks_is_used() -> None:
    ((plan,), _) = plan_disks(LIVE, replication(disk(0, volume_id=volume_id(0).upper())), [volume(0)], 6)

    assert plan.volume_id == volume_id(0)


@pytest.mark.parametrize(
    ("known", "size", "gb"), ((10, 10 * GB, 10), (10, 10 * GB + 1, 11), (10, 0, 10), (0, 1, 1), (0, 0, 0))
)
def test_a_disk_is_as_large_as_the_larger_of_the_two_that_know(known: int, size: int, gb: int) -> None:
    assert disk_gb(disk(0, size_gb=known), volume(0, size_bytes=size)) == gb


def test_a_disk_without_a_volume_is_as_large_as_replication_says() -> None:
    assert disk_gb(disk(0, size_gb=7), None) == 7
