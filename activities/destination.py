"""Whether CloudStack can make the VM as decided: asked before anything is created."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from temporalio import activity

from activities.clouds import Clouds
from activities.heartbeats import heartbeats
from activities.messages.networks import (
    CheckProblem,
    CheckRequest,
    ComputePlan,
    DestinationCheck,
)
from activities.neighbours import Neighbours
from activities.translate import typed_failures
from cloudstack import CloudStackClient, Network, ServiceOffering, Template, Zone
from rules.destination import About, Finding
from rules.errors import FailoverErrorType
from rules.mappings import network_key
from rules.resolution import NetworkDecision

_USABLE_STATES = frozenset({"Allocated", "Implemented", "Setup", None})
_USER_DATA = "UserData"
_DISABLED = "Disabled"


class DestinationActivities:
    """Reads CloudStack, never writes.

    Args:
        clouds: The clients.
    """

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds

    @activity.defn(name="CheckDestinationActivity")
    async def check_destination(self, request: CheckRequest) -> DestinationCheck:
        """Check zone, template, offering, networks and name, and say all that is wrong at once.

        Raises:
            ApplicationError: CloudStackUnavailable and the like; what is wrong with the plan is no error
                here but a problem in the reply, so that it can be recorded first.
        """
        with typed_failures():
            async with heartbeats():
                cloud = await self._clouds.of(request.destination)
                return await _Check(cloud.client, request).run()


class _Check:
    def __init__(self, client: CloudStackClient, request: CheckRequest) -> None:
        self._client = client
        self._request = request
        self._problems: list[CheckProblem] = []
        self._warnings: list[Finding] = []
        self._zone_id = ""

    async def run(self) -> DestinationCheck:
        destination = self._request.destination
        zone = await self._client.find_zone(destination.zone)
        if zone is None:
            self._refuse(About.ZONE, f"zone {destination.zone!r} does not exist")
            return self._result(self._request.decisions, None).model_copy(update={"networks_checked": False})
        self._zone_id = zone.id
        if zone.allocationstate == _DISABLED:
            # A root key could deploy there all the same (CloudStack's source): its administrator said no.
            self._refuse(About.ZONE, f"zone {zone.name} is disabled")
        connected = [one for one in self._request.decisions if one.connected]
        template, offering, networks, neighbours = await asyncio.gather(
            self._client.find_template(destination.template_id, zone_id=zone.id),
            self._client.find_offering(destination.service_offering_id),
            asyncio.gather(*(self._client.find_network(one.destination_network_id) for one in connected)),
            Neighbours(self._client, self._request).check(connected),
        )
        self._problems.extend(neighbours.problems)
        self._warnings.extend(neighbours.warnings)
        for decision, network in zip(connected, networks, strict=True):
            self._check_network(decision, network, zone)
        self._check_template(template, networks[0] if networks else None)
        compute = self._compute(offering, zone)
        decisions = _without_macs(_named(self._request.decisions, networks), neighbours.lost_macs)
        return self._result(decisions, compute)

    def _result(
        self, decisions: tuple[NetworkDecision, ...], compute: ComputePlan | None
    ) -> DestinationCheck:
        return DestinationCheck(
            decisions=decisions,
            problems=tuple(self._problems),
            warnings=tuple(one.message for one in self._warnings),
            compute=compute,
            findings=tuple(self._warnings),
            zone_id=self._zone_id,
        )

    def _refuse(
        self,
        about: About,
        message: str,
        network_id: str = "",
    ) -> None:
        self._problems.append(
            CheckProblem(
                type=FailoverErrorType.DESTINATION_CHECK_FAILED.value,
                message=message,
                network_id=network_id,
                about=about.value,
            )
        )

    def _check_network(self, decision: NetworkDecision, network: Network | None, zone: Zone) -> None:
        where = f"{decision}: network {decision.destination_network_id}"
        key = decision.destination_network_id
        if network is None:
            self._refuse(
                About.NETWORKS, f"{where} does not exist, or its owner may not see it", network_id=key
            )
        elif network.zoneid is not None and network.zoneid != zone.id:
            self._refuse(About.NETWORKS, f"{where} is not in zone {zone.name}", network_id=key)
        elif network.state not in _USABLE_STATES:
            self._refuse(About.NETWORKS, f"{where} is in state {network.state}", network_id=key)
        elif network.canusefordeploy is False:
            self._refuse(
                About.NETWORKS, f"{where} takes no more VMs (canusefordeploy is false)", network_id=key
            )

    def _check_template(self, template: Template | None, default_network: Network | None) -> None:
        template_id = self._request.destination.template_id
        if template is None:
            self._refuse(
                About.TEMPLATE, f"template {template_id} does not exist in the zone, or may not be used"
            )
        elif not template.isready:
            self._refuse(About.TEMPLATE, f"template {template_id} is not ready in the zone")
        elif (
            template.passwordenabled
            and default_network is not None
            and _USER_DATA not in default_network.service_names
        ):
            # Observed, section 20: CloudStack refuses it with 431.
            self._refuse(
                About.TEMPLATE,
                f"template {template_id} sets passwords, for which the first NIC's network "
                f"{default_network.name} has no UserData service",
            )

    def _compute(self, offering: ServiceOffering | None, zone: Zone) -> ComputePlan | None:
        request = self._request
        if offering is None:
            self._refuse(
                About.OFFERING,
                f"offering {request.destination.service_offering_id} does not exist or may not be used",
            )
            return None
        cpu = request.source.cpu_count or request.context.cpu_count
        memory = request.source.memory_mb or request.context.memory_mb
        plan = ComputePlan(
            zone_id=zone.id,
            template_id=request.destination.template_id,
            service_offering_id=offering.id,
        )
        if not offering.iscustomized:
            if (offering.cpunumber or 0) < cpu or (offering.memory or 0) < memory:
                said = (
                    f"offering {offering.name} ({offering.cpunumber} CPU, {offering.memory} MiB) is smaller "
                    f"than the source VM ({cpu} CPU, {memory} MiB)"
                )
                self._warnings.append(Finding(message=said, about=About.OFFERING.value))
            return plan
        if not cpu or not memory:
            self._refuse(
                About.OFFERING,
                "the source VM's CPU count or memory is unknown, and the offering asks for them",
            )
            return None
        self._check_bounds(offering, "CPUs", "cpunumber", cpu)
        self._check_bounds(offering, "MiB of memory", "memory", memory)
        speed = 0 if offering.cpuspeed else request.policy.cpu_speed_mhz
        return plan.model_copy(update={"cpu_count": cpu, "memory_mb": memory, "cpu_speed_mhz": speed})

    def _check_bounds(self, offering: ServiceOffering, what: str, size: str, wanted: int) -> None:
        """A constrained offering names its bounds; where it does not, the deploy call tells."""
        bounds = offering.serviceofferingdetails
        least, most = bounds.get(f"min{size}", ""), bounds.get(f"max{size}", "")
        if (least.isdecimal() and wanted < int(least)) or (most.isdecimal() and wanted > int(most)):
            self._refuse(
                About.OFFERING,
                f"offering {offering.name} takes {least or 'any'} to {most or 'any'} {what}, "
                f"the source VM has {wanted}",
            )


def _named(
    decisions: Sequence[NetworkDecision], networks: Iterable[Network | None]
) -> tuple[NetworkDecision, ...]:
    names = {network_key(network.id): network.name for network in networks if network is not None}
    return tuple(
        one.model_copy(update={"destination_network_name": names[network_key(one.destination_network_id)]})
        if network_key(one.destination_network_id) in names
        else one
        for one in decisions
    )


def _without_macs(
    decisions: Sequence[NetworkDecision], lost: Mapping[int, str]
) -> tuple[NetworkDecision, ...]:
    return tuple(
        one.model_copy(update={"mac_address": "", "warnings": (*one.warnings, lost[one.nic_index])})
        if one.nic_index in lost
        else one
        for one in decisions
    )
