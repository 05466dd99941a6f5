"""The CloudStack commands that a failover needs, one method each."""

from cloudstack.deploy import LONGEST_LEASE_DAYS, DeploySpec
from cloudstack.errors import InvalidParameter
from cloudstack.models import (
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
from cloudstack.reading import Reader, same
from cloudstack.replies import read_list, unreadable
from cloudstack.transport import Transport
from rules.models import Record

# The cheapest value that returns NICs; the details map comes with every value (observed, 11 and 15).
_VM_DETAILS = {"details": "nics"}
_VMS = ("listVirtualMachines", "virtualmachine", VirtualMachine)


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
        self._reader = Reader(transport, owner, page_size)
        self._owner = self._reader.owner

    async def find_vm(self, vm_id: str) -> VmLookup:
        """Look a VM up by its id, which tells apart "never existed" and "existed".

        With an owner the server answers "no such VM" also for a VM that somebody else owns, and refuses the
        call when the owner is gone. An owner that was set otherwise when the VM was made must not lead to a
        second VM, so what is not found for the owner is asked for by its id alone, and that answer counts.

        Raises:
            NotPermitted: There is such a VM, and this key may not see it.
        """
        existence, vm = await self._reader.look_up(*_VMS, vm_id, params=_VM_DETAILS)
        return VmLookup(existence=existence, vm=vm)

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
            found = await self._reader.everybodys(*_VMS, params)
        else:
            found = await self._reader.every(*_VMS, {**params, **self._owner})
        # Servers before 4.19 take the name for a part of it.
        return [vm for vm in found if name is None or same(vm.name, name)]

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
        submitted = await self._reader.submit(command, params, expires_in=expires_in)
        if submitted.id is None:
            raise unreadable(command, "no id")
        return submitted

    async def start_vm(self, vm_id: str) -> Submitted:
        """Submit a start. On a running VM the job fails with 431: read the state."""
        return await self._reader.submit("startVirtualMachine", {"id": vm_id})

    async def stop_vm(self, vm_id: str, *, force: bool = False) -> Submitted:
        """Submit a stop; on a stopped VM the job succeeds.

        Args:
            vm_id: The VM.
            force: Do not wait for the guest. The key may need a right for it.
        """
        wish = {"forced": "true"} if force else {}
        return await self._reader.submit("stopVirtualMachine", {"id": vm_id, **wish})

    async def destroy_vm(self, vm_id: str, *, expunge: bool) -> Submitted:
        """Submit the removal of a VM, in any state.

        Args:
            vm_id: The VM. Once it is expunged, a repetition is refused with 431.
            expunge: Free name, MAC and networks at once. **The root disk is deleted with it**; a data disk
                is detached and stays. The key needs the right to, else the job fails.
        """
        # Sent only when it is wanted: some servers check the right to it before they read it.
        wish = {"expunge": "true"} if expunge else {}
        return await self._reader.submit("destroyVirtualMachine", {"id": vm_id, **wish})

    async def update_lease(self, vm_id: str, *, days: int, action: str) -> None:
        """Let a VM's lease end so many days from now; synchronous, and the same again when it is repeated.

        While the feature is off it does nothing, and says nothing of it (observed, section 17): read back.

        Args:
            vm_id: A VM with a lease; another cannot be given one (530).
            days: 1 to `cloudstack.deploy.LONGEST_LEASE_DAYS`.
            action: ``DESTROY`` or ``STOP``.

        Raises:
            ValueError: Days out of range: CloudStack would refuse them, and -1 would end the lease for good.
        """
        if not 1 <= days <= LONGEST_LEASE_DAYS:
            raise ValueError(f"a lease is 1 to {LONGEST_LEASE_DAYS} days")
        # No details: they would be replaced as a whole, and our marks are among them (observed, section 15).
        params = {"id": vm_id, "leaseduration": str(days), "leaseexpiryaction": action}
        await self._transport.call("updateVirtualMachine", params)

    async def find_network(self, network_id: str) -> Network | None:
        """Return a network that the owner can see, or None."""
        networks = await self._reader.by_id(
            "listNetworks", "network", Network, network_id, params=self._owner
        )
        return next(iter(networks), None)

    async def find_zone(self, name_or_id: str) -> Zone | None:
        """Return a zone by its id or its name (in upper or lower case), or None."""
        by_id = await self._reader.by_id("listZones", "zone", Zone, name_or_id)
        if by_id:
            return by_id[0]
        zones = await self._reader.every("listZones", "zone", Zone, {"name": name_or_id})
        return next((zone for zone in zones if same(zone.name, name_or_id)), None)

    async def find_offering(self, offering_id: str) -> ServiceOffering | None:
        """Return a service offering, or None."""
        offerings = await self._reader.by_id(
            "listServiceOfferings", "serviceoffering", ServiceOffering, offering_id
        )
        return next(iter(offerings), None)

    async def find_template(self, template_id: str, *, zone_id: str | None = None) -> Template | None:
        """Return a template that the owner can deploy from, or None.

        Args:
            template_id: The template.
            zone_id: Where it must be: one template has an entry per zone, ready in one and not in another.
        """
        params = {"templatefilter": "executable", **self._owner}
        templates = await self._reader.by_id(
            "listTemplates", "template", Template, template_id, params=params
        )
        # A template for all zones names none.
        return next((t for t in templates if zone_id is None or t.zoneid in {zone_id, None}), None)

    async def pending_job_ids(self) -> set[str]:
        """Return the ids of the caller's unfinished jobs.

        Jobs that end while the pages are read can hide another one, so an id that is missing here is a
        reason to ask for that job, not a proof of its end.
        """
        command, key = "listAsyncJobs", "asyncjobs"
        pages = [
            read_list(command, key, _Job, page) async for page in self._reader.pager.pages(command, key, {})
        ]
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
