"""What the contract suite made at a CloudStack, and how all of it goes away again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.contract.jobs import failure_of, finished_job
from tests.contract.raw_api import Json, RawApi, Reply

_OK = 200
_TRIES = 3
_PAUSE = 1.0  # seconds, between two tries
_AT_A_TIME = asyncio.Semaphore(10)

Lister = Callable[[], Awaitable[list[Json]]]
Remover = Callable[[str], Awaitable[str]]


@dataclass
class Ledger:
    """Names and ids of this run.

    Attributes:
        prefix: How the name of everything begins that this run makes: random, so nobody else's does.
        volumes: Ids of volumes whose names are the server's own: the root volumes of our VMs.
    """

    api: RawApi
    prefix: str
    volumes: set[str] = field(default_factory=set)

    async def clean(self) -> list[str]:
        """Remove all of it, and return what is left nevertheless, with the reason.

        VMs go first, since they hold volumes and networks. What counts is what the server still lists, not
        what it said when it was told to remove something.

        Raises:
            ValueError: The server does not tell what there is.
        """
        left: list[str] = []
        kinds: tuple[tuple[str, Lister, Remover], ...] = (
            ("VM", self._named("listVirtualMachines", "virtualmachine"), self._expunge),
            ("snapshot", self._named("listSnapshots", "snapshot"), self._by("deleteSnapshot")),
            ("volume", self._all_volumes, self._by("deleteVolume")),
            ("network", self._named("listNetworks", "network"), self._by("deleteNetwork")),
        )
        for kind, listed, remove in kinds:
            left += await _remove_all(kind, listed, remove)
        return left

    def _named(self, command: str, key: str) -> Lister:
        async def ours() -> list[Json]:
            reply = await self.api.call(
                command, keyword=self.prefix, listall="true", page="1", pagesize="500"
            )
            if reply.status != _OK:
                raise ValueError(f"{command} answered {reply.status}; look for {self.prefix}* yourself")
            # A keyword is found in the middle of a name too; letter case is no matter (section 11).
            return [item for item in reply.items(key) if item["name"].lower().startswith(self.prefix)]

        return ours

    async def _all_volumes(self) -> list[Json]:
        found = await self._named("listVolumes", "volume")()
        for volume_id in self.volumes - {item["id"] for item in found}:
            found += (await self.api.call("listVolumes", id=volume_id)).items("volume")
        return found

    async def _expunge(self, vm_id: str) -> str:
        return await self._outcome(await self.api.call("destroyVirtualMachine", id=vm_id, expunge="true"))

    def _by(self, command: str) -> Remover:
        async def remove(resource_id: str) -> str:
            return await self._outcome(await self.api.call(command, id=resource_id))

        return remove

    async def _outcome(self, reply: Reply) -> str:
        """Return what went wrong, empty after success."""
        if reply.status != _OK:
            return f"{reply.status} {reply.body.get('errortext', '')}"
        if "jobid" not in reply.body:
            return ""
        return failure_of(await finished_job(self.api, reply.body["jobid"]))


async def _in_turn(remove: Remover, resource_id: str) -> str:
    async with _AT_A_TIME:
        return await remove(resource_id)


async def _remove_all(kind: str, listed: Lister, remove: Remover) -> list[str]:
    items = await listed()
    reasons: dict[str, str | BaseException] = {}
    for attempt in range(_TRIES):
        if not items:
            break
        await asyncio.sleep(_PAUSE if attempt else 0)
        answers = await asyncio.gather(
            *(_in_turn(remove, item["id"]) for item in items), return_exceptions=True
        )
        reasons |= {item["id"]: answer for item, answer in zip(items, answers, strict=True)}
        items = await listed()
    return [f"{kind} {item['id']} ({item['name']}): {reasons.get(item['id'], '')}" for item in items]
