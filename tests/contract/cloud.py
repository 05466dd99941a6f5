"""What the contract's tests do at a CloudStack, in their own words."""

import secrets
import uuid
from collections.abc import Mapping
from itertools import count

from tests.contract.jobs import finished_job
from tests.contract.ledger import Ledger
from tests.contract.raw_api import Json, RawApi, Reply
from tests.contract.site import Site
from tests.contract.target import KeyPair

_UNICAST_AND_LOCAL = 0x02


def new_id() -> str:
    """Return a uuid that nothing has."""
    return str(uuid.uuid4())


def new_mac() -> str:
    """Return a locally administered unicast MAC address."""
    octets = (_UNICAST_AND_LOCAL, *secrets.token_bytes(5))
    return ":".join(f"{octet:02x}" for octet in octets)


def nics(*networks: str | Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that ask for these NICs: a network id, or its entry with ``mac`` or ``ip``."""
    entries = [{"networkid": item} if isinstance(item, str) else item for item in networks]
    return {
        f"iptonetworklist[{place}].{key}": value
        for place, entry in enumerate(entries)
        for key, value in entry.items()
    }


def outcome(job: Json) -> tuple[int, int]:
    """Return jobstatus and jobresultcode."""
    return job["jobstatus"], job["jobresultcode"]


SUCCESS = (1, 0)


def failed(code: int) -> tuple[int, int]:
    """Return the outcome of a job that failed with this code."""
    return 2, code


class Cloud:
    """Makes things and remembers them.

    Attributes:
        api: Raw requests, as the root admin.
        plain: An ordinary user's keys; None where there are none.
        keys: The root admin's.
    """

    def __init__(self, api: RawApi, site: Site, ledger: Ledger, plain: KeyPair | None) -> None:
        self.api = api
        self.site = site
        self.ledger = ledger
        self.keys = api.keys
        self.plain = plain
        self._numbers = count(1)

    def name(self, what: str = "vm") -> str:
        """Return a new name, by which the thing is found again whatever happens."""
        return f"{self.ledger.prefix}{what}-{next(self._numbers)}"

    async def call(
        self,
        command: str,
        params: Mapping[str, str] | None = None,
        *,
        who: KeyPair | None = None,
        **more: str,
    ) -> Reply:
        """Send a command."""
        return await self.api.call(command, {**(params or {}), **more}, who=who)

    async def job(self, submitted: Reply, who: KeyPair | None = None) -> Json:
        """Wait for the job that a submit started."""
        assert submitted.status == 200, submitted
        return await finished_job(self.api, submitted.body["jobid"], who=who)

    async def run(
        self,
        command: str,
        params: Mapping[str, str] | None = None,
        *,
        who: KeyPair | None = None,
        **more: str,
    ) -> Json:
        """Send an asynchronous command and wait for its job."""
        return await self.job(await self.call(command, {**(params or {}), **more}, who=who), who)

    async def done(self, command: str, **params: str) -> Json:
        """Run a command that has to succeed."""
        job = await self.run(command, params)
        assert outcome(job) == SUCCESS, job
        return job

    async def network(self, *, isolated: bool = False, who: KeyPair | None = None) -> str:
        """Make a network, L2 unless it is asked for otherwise, and return its id."""
        offering = self.site.isolated_offering if isolated else self.site.l2_offering
        made = await self.call(
            "createNetwork",
            name=self.name("net"),
            zoneid=self.site.zone,
            networkofferingid=offering,
            who=who,
        )
        assert made.status == 200, made
        return str(made.body["network"]["id"])

    def deploy_params(self, networks: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
        """Return the parameters of a deploy that leaves the VM stopped; a change to None leaves one out."""
        params: dict[str, str | None] = {
            "name": self.name(),
            "zoneid": self.site.zone,
            "templateid": self.site.template,
            "serviceofferingid": self.site.offering,
            "startvm": "false",
            **networks,
            **changes,
        }
        return {name: value for name, value in params.items() if value is not None}

    async def deploy(
        self, networks: Mapping[str, str], *, who: KeyPair | None = None, **changes: str | None
    ) -> Reply:
        """Submit a deploy, whatever comes of it."""
        return await self.call("deployVirtualMachine", self.deploy_params(networks, changes), who=who)

    async def deployed(self, *networks: str | Mapping[str, str], **changes: str | None) -> str:
        """Deploy a stopped VM and return its id."""
        submitted = await self.call("deployVirtualMachine", self.deploy_params(nics(*networks), changes))
        job = await self.job(submitted)
        assert outcome(job) == SUCCESS, job
        vm_id = str(submitted.body["id"])
        await self.root_of(vm_id)
        return vm_id

    async def running(self, *networks: str | Mapping[str, str], **changes: str | None) -> str:
        """Deploy a VM, start it, and return its id."""
        vm_id = await self.deployed(*networks, **changes)
        await self.done("startVirtualMachine", id=vm_id)
        return vm_id

    async def vm(self, vm_id: str, who: KeyPair | None = None) -> Json:
        """Return the VM as it is listed."""
        [found] = (await self.call("listVirtualMachines", id=vm_id, who=who)).items("virtualmachine")
        return found

    async def volume(self, volume_id: str) -> Json:
        """Return the volume as it is listed."""
        [found] = (await self.call("listVolumes", id=volume_id)).items("volume")
        return found

    async def root_of(self, vm_id: str) -> Json:
        """Return the VM's root volume, and remember it: its name is the server's."""
        reply = await self.call("listVolumes", virtualmachineid=vm_id, type="ROOT", listall="true")
        [found] = reply.items("volume")
        self.ledger.volumes.add(found["id"])
        return found

    async def blank(self, **params: str) -> str:
        """Make a blank volume and return its id."""
        submitted = await self.call("createVolume", {**self.site.blank, "name": self.name("disk"), **params})
        job = await self.job(submitted)
        assert outcome(job) == SUCCESS, job
        return str(submitted.body["id"])

    async def snapshot(self, volume_id: str, **params: str) -> str:
        """Take a snapshot and return its id."""
        submitted = await self.call(
            "createSnapshot", {"name": self.name("snapshot"), **params}, volumeid=volume_id
        )
        job = await self.job(submitted)
        assert outcome(job) == SUCCESS, job
        return str(submitted.body["id"])

    async def clone(self, snapshot_id: str, **params: str) -> str:
        """Make a volume from a snapshot and return its id."""
        submitted = await self.call(
            "createVolume", {"name": self.name("clone"), **params}, snapshotid=snapshot_id
        )
        job = await self.job(submitted)
        assert outcome(job) == SUCCESS, job
        return str(submitted.body["id"])

    async def attach(self, volume_id: str, vm_id: str, **params: str) -> Json:
        """Attach a volume and return the job, whatever came of it."""
        return await self.run("attachVolume", params, id=volume_id, virtualmachineid=vm_id)
