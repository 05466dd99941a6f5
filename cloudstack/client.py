"""The CloudStack commands that a failover needs, one method each."""

import contextlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

from cloudstack.deploy import DeploySpec
from cloudstack.errors import InvalidParameter, NotPermitted
from cloudstack.models import (
    Entity,
    Existence,
    JobOutcome,
    JobState,
    Network,
    ServiceOffering,
    Submitted,
    Template,
    VirtualMachine,
    VmLookup,
    Zone,
    outcome_of,
)
from cloudstack.owner import Owner
from cloudstack.paging import Pager
from cloudstack.replies import read_list, read_model, unreadable
from cloudstack.transport import Transport
from rules.models import Record

_E = TypeVar("_E", bound=Entity)

# The cheapest value that returns NICs; the details map comes with every value (observed, 11 and 15).
_VM_DETAILS = {"details": "nics"}
_EVERY_PROJECT = "-1"
_NO_PARAMS: Mapping[str, str] = MappingProxyType({})


class _Job(Record):
    jobid: str


class CloudStackClient:
    """Typed commands for one owner.

    Every method raises what `cloudstack.transport.Transport.call` raises. A reply without what identifies
    the thing is an `OutcomeUnknown`, like any other reply that cannot be read.

    Args:
        transport: Sends the calls; closing it stays with the caller.
        owner: Whom to deploy for. It goes with each deploy and with each list of what an owner can have:
            VMs, networks and templates. Jobs belong to the caller, whoever they work for.
        page_size: Entries per page; where the server's administrator allows fewer, so many are read.
    """

    def __init__(self, transport: Transport, owner: Owner | None = None, *, page_size: int = 500) -> None:
        self._transport = transport
        self._owner = (owner or Owner()).params()
        self._project_id = self._owner.get("projectid")
        self._pager = Pager(transport, page_size)

    async def find_vm(self, vm_id: str) -> VmLookup:
        """Look a VM up by its id, which tells apart "never existed" and "existed".

        With an owner the server answers "no such VM" also for a VM that somebody else owns, and refuses the
        call when the owner is gone. An owner that was set otherwise when the VM was made must not lead to a
        second VM, so what is not found for the owner is asked for by its id alone, and that answer counts.

        Raises:
            NotPermitted: There is such a VM, and this key may not see it.
        """
        command = "listVirtualMachines"
        by_id = {"id": vm_id, **_VM_DETAILS}
        existence = Existence.UNKNOWN
        for params in [{**by_id, **self._owner}, by_id] if self._owner else [by_id]:
            try:
                reply = await self._transport.call(command, params)
            except InvalidParameter:
                existence = Existence.UNKNOWN
                continue
            for vm in read_list(command, "virtualmachine", VirtualMachine, reply):
                if _same(vm.id, vm_id):
                    return VmLookup(existence=Existence.EXISTS, vm=vm)
            existence = Existence.EXPUNGED
        return VmLookup(existence=existence)

    async def list_vms(
        self,
        *,
        name: str | None = None,
        network_id: str | None = None,
        keyword: str | None = None,
        all_owners: bool = False,
    ) -> list[VirtualMachine]:
        """List VMs, to the last page.

        Args:
            name: The whole name. Upper and lower case are one, as in CloudStack's own comparison.
            network_id: Only VMs with a NIC in this network.
            keyword: A part of the name or display name.
            all_owners: Whatever the caller may see, instead of what the owner has. On a shared network a
                name can be taken by another account's VM (observed, section 3).
        """
        params = dict(_VM_DETAILS)
        if name is not None:
            params["name"] = name
        if network_id is not None:
            params["networkid"] = network_id
        if keyword is not None:
            params["keyword"] = keyword
        if all_owners:
            found = await self._vms_of_everybody(params)
        else:
            found = await self._vms({**params, **self._owner})
        # Servers before 4.19 take the name for a part of it.
        return [vm for vm in found if name is None or _same(vm.name, name)]

    async def deploy_vm(self, spec: DeploySpec, *, expires_in: float) -> Submitted:
        """Submit the creation of a stopped VM.

        A failure can leave a VM behind (530, observed in section 1), and a lost reply too: look the
        ``customid`` up before anything else, or wait without one until the request has expired.

        Args:
            spec: The VM.
            expires_in: Seconds for which the server accepts this request.
        """
        params = {**spec.params(), **self._owner}
        command = "deployVirtualMachine"
        submitted = read_model(
            command, Submitted, await self._transport.call(command, params, expires_in=expires_in)
        )
        if submitted.id is None:
            raise unreadable(command, "no id")
        return submitted

    async def start_vm(self, vm_id: str) -> Submitted:
        """Submit a start. On a running VM the job fails with 431: read the state."""
        return await self._submit("startVirtualMachine", {"id": vm_id})

    async def stop_vm(self, vm_id: str) -> Submitted:
        """Submit a stop; on a stopped VM the job succeeds."""
        return await self._submit("stopVirtualMachine", {"id": vm_id})

    async def destroy_vm(self, vm_id: str, *, expunge: bool) -> Submitted:
        """Submit the removal of a VM, in any state.

        Args:
            vm_id: The VM. Once it is expunged, a repetition is refused with 431.
            expunge: Free name, MAC and networks at once. **The root disk is deleted with it**; a data disk
                is detached and stays. The key needs the right to, else the job fails.
        """
        # Sent only when it is wanted: some servers check the right to it before they read it.
        wish = {"expunge": "true"} if expunge else {}
        return await self._submit("destroyVirtualMachine", {"id": vm_id, **wish})

    async def find_network(self, network_id: str) -> Network | None:
        """Return a network that the owner can see, or None."""
        networks = await self._by_id("listNetworks", "network", Network, network_id, params=self._owner)
        return next(iter(networks), None)

    async def find_zone(self, name_or_id: str) -> Zone | None:
        """Return a zone by its id or its name (in upper or lower case), or None."""
        by_id = await self._by_id("listZones", "zone", Zone, name_or_id)
        if by_id:
            return by_id[0]
        zones = await self._every("listZones", "zone", Zone, {"name": name_or_id})
        return next((zone for zone in zones if _same(zone.name, name_or_id)), None)

    async def find_offering(self, offering_id: str) -> ServiceOffering | None:
        """Return a service offering, or None."""
        offerings = await self._by_id("listServiceOfferings", "serviceoffering", ServiceOffering, offering_id)
        return next(iter(offerings), None)

    async def find_template(self, template_id: str, *, zone_id: str | None = None) -> Template | None:
        """Return a template that the owner can deploy from, or None.

        Args:
            template_id: The template.
            zone_id: Where it must be: one template has an entry per zone, ready in one and not in another.
        """
        params = {"templatefilter": "executable", **self._owner}
        templates = await self._by_id("listTemplates", "template", Template, template_id, params=params)
        # A template for all zones names none.
        return next((t for t in templates if zone_id is None or t.zoneid in {zone_id, None}), None)

    async def pending_job_ids(self) -> set[str]:
        """Return the ids of the caller's unfinished jobs.

        Jobs that end while the pages are read can hide another one, so an id that is missing here is a
        reason to ask for that job, not a proof of its end.
        """
        command, key = "listAsyncJobs", "asyncjobs"
        pages = [read_list(command, key, _Job, page) async for page in self._pager.pages(command, key, {})]
        return {job.jobid for page in pages for job in page}

    async def job(self, job_id: str) -> JobOutcome:
        """Ask for one job.

        Raises:
            NotPermitted: It is another account's.
        """
        command = "queryAsyncJobResult"
        try:
            reply = await self._transport.call(command, {"jobid": job_id})
        except InvalidParameter as refusal:
            return JobOutcome(job_id=job_id, state=JobState.EXPIRED, code=refusal.code or 0)
        outcome = outcome_of(job_id, reply)
        if outcome is None:
            raise unreadable(command, "no jobstatus")
        return outcome

    async def _vms(self, params: Mapping[str, str]) -> list[VirtualMachine]:
        return await self._every("listVirtualMachines", "virtualmachine", VirtualMachine, params)

    async def _vms_of_everybody(self, params: Mapping[str, str]) -> list[VirtualMachine]:
        """List what the caller may see: ``listall`` by itself leaves out whatever a project owns.

        Project -1 stands for all that the caller may see (CloudStack's source, not observed). Whoever is
        neither root nor a member of the owner's project gets that one only when it is named.
        """
        everybody = {**params, "listall": "true"}
        lists = [await self._vms(everybody)]
        with contextlib.suppress(InvalidParameter, NotPermitted):
            lists.append(await self._vms({**everybody, "projectid": _EVERY_PROJECT}))
        if self._project_id is not None:
            lists.append(await self._vms({**everybody, "projectid": self._project_id}))
        return _once(lists)

    async def _submit(self, command: str, params: Mapping[str, str]) -> Submitted:
        return read_model(command, Submitted, await self._transport.call(command, params))

    async def _by_id(
        self,
        command: str,
        key: str,
        model: type[_E],
        entity_id: str,
        *,
        params: Mapping[str, str] = _NO_PARAMS,
    ) -> list[_E]:
        """List what has this id; nothing when CloudStack does not know the id, which it answers with 431.

        Raises:
            InvalidParameter: CloudStack knows the id, and refused what else was asked: the owner.
        """
        try:
            reply = await self._transport.call(command, {"id": entity_id, **params})
        except InvalidParameter:
            if await self._is_known(command, entity_id, params):
                raise
            return []
        return [entity for entity in read_list(command, key, model, reply) if _same(entity.id, entity_id)]

    async def _is_known(self, command: str, entity_id: str, params: Mapping[str, str]) -> bool:
        without_owner = {name: value for name, value in params.items() if name not in self._owner}
        if without_owner == params:
            return False
        try:
            await self._transport.call(command, {"id": entity_id, **without_owner})
        except InvalidParameter:
            return False
        return True

    async def _every(self, command: str, key: str, model: type[_E], params: Mapping[str, str]) -> list[_E]:
        found = [
            read_list(command, key, model, page) async for page in self._pager.pages(command, key, params)
        ]
        return _once(found)


def _once(lists: Iterable[Iterable[_E]]) -> list[_E]:
    """Join lists. An entry that moved to the next page while we read is in two, as is one seen twice."""
    return list({entity.id: entity for entities in lists for entity in entities}.values())


def _same(one: str, other: str) -> bool:
    """Compare names or ids as CloudStack's database does, where upper and lower case are one."""
    return one.lower() == other.lower()
