"""What other VMs have to say to a plan: names, MAC addresses and live use on the decided networks."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from activities.messages.networks import CheckProblem, CheckRequest
from cloudstack import CloudStackClient, VirtualMachine
from rules.destination import About, Finding
from rules.errors import FailoverErrorType
from rules.guard import ProductionUse
from rules.identity import MARK_CONTEXT, MARK_TYPE, MARK_WORKFLOW
from rules.mappings import LiveNetwork, network_key
from rules.naming import drill_keyword, live_vm_name
from rules.request import FailoverType
from rules.resolution import NetworkDecision

GONE = frozenset({"Destroyed", "Expunging"})
"""States in which a VM runs nothing any more; it still holds its name and its MAC addresses (observed)."""


@dataclass
class Objections:
    """What stands in the way, and what should be known.

    Attributes:
        lost_macs: By NIC index, why the NIC cannot keep its MAC address.
    """

    problems: list[CheckProblem] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    lost_macs: dict[int, str] = field(default_factory=dict)

    def refuse(self, message: str, error_type: FailoverErrorType, about: About, network_id: str = "") -> None:
        """Add a reason why the VM cannot be made."""
        self.problems.append(
            CheckProblem(type=error_type.value, message=message, network_id=network_id, about=about.value)
        )

    def warn(self, message: str, about: About) -> None:
        """Add what should be known."""
        self.warnings.append(Finding(message=message, about=about.value))


class Neighbours:
    """Looks at the VMs that are there already.

    Args:
        client: Sees what the worker's key may see.
        request: The plan.
    """

    def __init__(self, client: CloudStackClient, request: CheckRequest) -> None:
        self._client = client
        self._request = request
        self._found = Objections()

    async def check(self, connected: Sequence[NetworkDecision]) -> Objections:
        """Check a live plan's name; for a test, whose name is unique, what is on its networks.

        Args:
            connected: The decisions that make a NIC.
        """
        if self._request.config.failover_type is FailoverType.LIVE:
            await self._check_name(connected)
            await self._yield_macs_to_drills(connected)
            return self._found
        ids = list(dict.fromkeys(one.destination_network_id for one in connected))
        listed = await asyncio.gather(
            *(self._client.list_vms(network_id=one, all_owners=True) for one in ids)
        )
        others = {
            network_key(network_id): [vm for vm in vms if not self._is_ours(vm)]
            for network_id, vms in zip(ids, listed, strict=True)
        }
        self._check_live_use(connected, others)
        self._check_macs(connected, others)
        return self._found

    def _is_ours(self, vm: VirtualMachine) -> bool:
        return vm.details.get(MARK_WORKFLOW) == self._request.workflow_id

    async def _check_name(self, connected: Sequence[NetworkDecision]) -> None:
        """A name is taken per network, also by a destroyed VM and by another account's (observed, 3)."""
        name = live_vm_name(self._request.context.vm_name)
        if name != self._request.context.vm_name:
            self._found.warn(f"CloudStack does not take the VM's name: it is made as {name}", About.NAME)
        wanted = {network_key(one.destination_network_id) for one in connected}
        for vm in await self._client.list_vms(name=name, all_owners=True):
            if self._is_ours(vm):
                continue
            if self._is_same_machine(vm):
                self._found.refuse(
                    f"this VM was already failed over live by {vm.details[MARK_WORKFLOW]}: VM {vm.id}",
                    FailoverErrorType.VM_NAME_TAKEN,
                    About.NAME,
                )
            elif wanted & {network_key(nic.networkid) for nic in vm.nic}:
                self._found.refuse(
                    f"the name {name} is taken on the decided networks by VM {vm.id} ({vm.state}), "
                    "which is not this failover's",
                    FailoverErrorType.VM_NAME_TAKEN,
                    About.NAME,
                )

    def _is_same_machine(self, vm: VirtualMachine) -> bool:
        return (
            vm.state not in GONE
            and vm.details.get(MARK_CONTEXT) == self._request.context.context_id
            and vm.details.get(MARK_TYPE) == FailoverType.LIVE.value
        )

    async def _yield_macs_to_drills(self, connected: Sequence[NetworkDecision]) -> None:
        """No drill stands in the way of a live failover: a MAC address that one holds is given up."""
        context = self._request.context
        for vm in await self._client.list_vms(keyword=drill_keyword(context.vm_name), all_owners=True):
            if vm.details.get(MARK_CONTEXT) != context.context_id:
                continue
            if vm.details.get(MARK_TYPE) != FailoverType.TEST.value:
                continue
            for one in connected:
                if one.mac_address and _holds_mac(vm, one):
                    self._found.lost_macs[one.nic_index] = (
                        f"drill {vm.name} ({vm.id}) holds the MAC address here: CloudStack makes a new one"
                    )

    def _check_live_use(
        self, connected: Sequence[NetworkDecision], others: Mapping[str, Sequence[VirtualMachine]]
    ) -> None:
        """The guard's other half: the VMs that CloudStack says were failed over live and are there now."""
        live = ProductionUse(
            live=tuple(
                LiveNetwork(
                    network_id=key,
                    workflow_id=vm.details[MARK_WORKFLOW],
                    context_id=vm.details.get(MARK_CONTEXT, ""),
                    vm_id=vm.id,
                )
                for key, vms in others.items()
                for vm in vms
                if vm.details.get(MARK_TYPE) == FailoverType.LIVE.value
                and MARK_WORKFLOW in vm.details
                and vm.state not in GONE
            )
        )
        for one in connected:
            use = live.of(one.destination_network_id)
            if not use:
                continue
            text = f"{one}: network {one.destination_network_id} is production ({use})"
            if self._request.config.allow_production_network:
                self._found.warn(f"{text}: allowed by the request", About.NETWORKS)
            else:
                self._found.refuse(
                    text,
                    FailoverErrorType.PRODUCTION_NETWORK_REFUSED,
                    About.NETWORKS,
                    one.destination_network_id,
                )

    def _check_macs(
        self, connected: Sequence[NetworkDecision], others: Mapping[str, Sequence[VirtualMachine]]
    ) -> None:
        """A MAC address is taken once per network, also by a destroyed VM (observed, section 1)."""
        for one in connected:
            for vm in others[network_key(one.destination_network_id)] if one.mac_address else ():
                if _holds_mac(vm, one):
                    self._found.refuse(
                        f"{one}: its MAC address is taken on network {one.destination_network_id} by VM "
                        f"{vm.name} ({vm.id}, {vm.state}): remove it first, or set FAILOVER_TEST_MAC=new",
                        FailoverErrorType.DESTINATION_CHECK_FAILED,
                        About.NETWORKS,
                    )


def _holds_mac(vm: VirtualMachine, decision: NetworkDecision) -> bool:
    key = network_key(decision.destination_network_id)
    return any(
        (nic.macaddress or "").lower() == decision.mac_address and network_key(nic.networkid) == key
        for nic in vm.nic
    )
