"""Stop our VM, before its disks are taken from it."""

import structlog
from temporalio import activity

from activities.clouds import Clouds
from activities.failures import failure
from activities.heartbeats import heartbeats, to_the_end
from activities.messages.disks import StopReply, StopVMRequest
from activities.translate import typed_failures
from cloudstack import Existence, InvalidParameter
from rules.errors import FailoverErrorType

_log = structlog.get_logger(__name__)

_RUNNING = "Running"
_AT_REST = frozenset({"Stopped", "Destroyed", "Error"})
_EXPUNGING = "Expunging"


class StopVMActivities:
    """Stops.

    Args:
        clouds: The clients.
    """

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    @activity.defn(name="StopVMActivity")
    async def stop_vm(self, request: StopVMRequest) -> StopReply:
        """Submit the stop of a running VM; one that is stopped, or gone, is left alone.

        Raises:
            ApplicationError: VmBusy is retried: it is on its way from one state to another.
        """
        with typed_failures():
            async with heartbeats():
                cloud = await self._clouds.of(request.owner.destination)
                lookup = await cloud.client.find_vm(request.vm.id)
                if lookup.existence is not Existence.EXISTS or lookup.vm is None:
                    return StopReply(state="")
                vm = lookup.vm
                if vm.state == _EXPUNGING:
                    return StopReply(state="")
                if vm.state in _AT_REST:
                    return StopReply(state=vm.state)
                if vm.state != _RUNNING:
                    raise failure(FailoverErrorType.VM_BUSY, f"VM {vm.name} ({vm.id}) is in state {vm.state}")
                try:
                    submitted = await to_the_end(cloud.client.stop_vm(vm.id, force=request.force))
                except InvalidParameter:
                    # Gone meanwhile, or refused: what is read back decides.
                    if (await cloud.client.find_vm(vm.id)).vm is not None:
                        raise
                    return StopReply(state="")
                _log.info("vm_stop_submitted", vm_id=vm.id, force=request.force, job_id=submitted.jobid)
                return StopReply(state=vm.state, job_id=submitted.jobid)
