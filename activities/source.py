"""The source VM as the VMware agent discovers it."""

from datetime import UTC, datetime

import structlog
from temporalio import activity

from activities.failures import failure
from activities.heartbeats import heartbeats
from activities.messages.networks import SourceRequest
from activities.translate import typed_failures
from activities.vcenter import VCenterSignIn
from database import CredentialRepository
from rules.errors import FailoverErrorType
from rules.nics import NicSource, SourceNic, SourceVm
from vma import DiscoveredVm, VmaClient
from vma.errors import SourceUnreachable

_log = structlog.get_logger(__name__)

_MOST_TRIES = 2


class SourceActivities:
    """Asks the VMA.

    Args:
        vma: The agent.
        credentials: The vCenter sign-ins of the appliance; read and decrypted in here only.
        own_credential: The worker's ``VMA_VCENTER_*`` settings as user name and password; they win.
    """

    def __init__(
        self,
        vma: VmaClient,
        credentials: CredentialRepository,
        own_credential: tuple[str, str] | None = None,
    ) -> None:
        self._vma = vma
        self._sign_in = VCenterSignIn(credentials, own_credential)

    @activity.defn(name="DiscoverSourceActivity")
    async def discover_source(self, request: SourceRequest) -> SourceVm:
        """Discover the VM by its uuid in its own vCenter; NICs come in device order.

        Raises:
            ApplicationError: SourceUnreachable when the agent or its vCenter does not answer;
                SourceVmNotFound, SourceRefused or ConfigurationError, which are no disaster.
        """
        context = request.context
        with typed_failures():
            async with heartbeats():
                credential = await self._sign_in.of(context)
                try:
                    found = await self._vma.discover(
                        vcenter=context.vcenter_host,
                        username=credential.username,
                        password=credential.password,
                        datacenter=context.datacenter,
                        vm_name=context.vm_name,
                        vm_id=context.vmware_vm_id,
                    )
                except SourceUnreachable as error:
                    # Counted here: a worker that dies meanwhile says nothing of the source.
                    last = activity.info().attempt >= _MOST_TRIES
                    raise failure(FailoverErrorType.SOURCE_UNREACHABLE, str(error), final=last) from error
        if found is None:
            raise failure(
                FailoverErrorType.SOURCE_VM_NOT_FOUND,
                f"vCenter {context.vcenter_host} answers without a VM of the context's uuid",
            )
        _log.info("source_discovered", context_id=context.context_id, nics=len(found.networks))
        return _source_vm(found)


def _source_vm(found: DiscoveredVm) -> SourceVm:
    return SourceVm(
        source=NicSource.VMA,
        nics=tuple(
            SourceNic(
                index=index,
                label=nic.label,
                network_name=nic.network_name,
                mac_address=nic.mac_address.lower(),
                connected=nic.connected,
            )
            for index, nic in enumerate(found.networks)
        ),
        observed_at=datetime.now(UTC),
        cpu_count=found.num_cpu,
        memory_mb=found.memory_mb,
    )
