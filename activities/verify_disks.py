"""Verify the disks of our VM: what ``listVolumes`` shows, and nothing else, says that they are attached."""

from collections.abc import Mapping

from temporalio import activity

from activities.clouds import Clouds
from activities.failures import failure
from activities.heartbeats import heartbeats
from activities.messages.disks import VerifiedDisks, VerifyDisksRequest
from activities.our_volumes import describe, facts_of, read_volume
from activities.translate import typed_failures
from rules.disks import DiskPlan, VolumeFacts
from rules.errors import FailoverErrorType


class VerifyDisksActivities:
    """Reads disks back.

    Args:
        clouds: The clients.
    """

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    @activity.defn(name="VerifyDisksActivity")
    async def verify_disks(self, request: VerifyDisksRequest) -> VerifiedDisks:
        """Compare the VM's volumes with the plan: each at its place, on its pool, and no other one.

        Raises:
            ApplicationError: VerificationFailed, with every difference.
        """
        with typed_failures():
            async with heartbeats():
                cloud = await self._clouds.of(request.owner.destination)
                listed = await cloud.storage.list_volumes(vm_id=request.vm.id)
                attached = {volume.id: facts_of(volume.id, volume) for volume in listed}
                differences: list[str] = []
                for plan in request.volumes:
                    found = attached.get(plan.volume_id)
                    if found is None:
                        elsewhere = await read_volume(cloud, plan.volume_id)
                        differences.append(f"{plan.disk_id} is not at the VM: {describe(elsewhere)}")
                    else:
                        differences += _differences(plan, found)
        differences += _unexpected(request.volumes, attached)
        if differences:
            raise failure(FailoverErrorType.VERIFICATION_FAILED, "; ".join(differences))
        return VerifiedDisks(volumes=tuple(attached[plan.volume_id] for plan in request.volumes))


def _differences(plan: DiskPlan, found: VolumeFacts) -> list[str]:
    differences = []
    if found.device_id != plan.device_id:
        differences.append(f"{plan.disk_id} is at device id {found.device_id}, not {plan.device_id}")
    if plan.is_boot and not found.is_root:
        differences.append(f"{plan.disk_id} is no root volume")
    # A key without root rights sees no pool: then nothing can be compared.
    if plan.storage_id and found.storage_id and found.storage_id != plan.storage_id:
        differences.append(
            f"{plan.disk_id} is on pool {found.storage_name} ({found.storage_id}), not on {plan.storage_id}"
        )
    return differences


def _unexpected(plans: tuple[DiskPlan, ...], attached: Mapping[str, VolumeFacts]) -> list[str]:
    expected = {plan.volume_id for plan in plans}
    return [
        f"not expected: {describe(volume)}"
        for volume in attached.values()
        if volume.volume_id not in expected
    ]
