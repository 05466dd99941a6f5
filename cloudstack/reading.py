"""Reading lists: by id, to the last page, for one owner or for whatever the caller may see."""

import contextlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

from cloudstack.errors import InvalidParameter, NotPermitted
from cloudstack.models import Entity, Existence, Submitted
from cloudstack.owner import Owner
from cloudstack.paging import Pager
from cloudstack.replies import read_list, read_model
from cloudstack.transport import Transport

_E = TypeVar("_E", bound=Entity)

_EVERY_PROJECT = "-1"
_NO_PARAMS: Mapping[str, str] = MappingProxyType({})


class Reader:
    """What all typed clients share.

    Args:
        transport: Sends the calls.
        owner: Goes with each list of what an owner can have.
        page_size: Entries per page; where the server's administrator allows fewer, so many are read.
    """

    def __init__(self, transport: Transport, owner: Owner | None, page_size: int) -> None:
        self.transport = transport
        self.owner: Mapping[str, str] = (owner or Owner()).params()
        self.pager = Pager(transport, page_size)
        self._project_id = self.owner.get("projectid")

    async def submit(
        self, command: str, params: Mapping[str, str], *, expires_in: float | None = None
    ) -> Submitted:
        """Submit an asynchronous command."""
        return read_model(
            command, Submitted, await self.transport.call(command, params, expires_in=expires_in)
        )

    async def look_up(
        self,
        command: str,
        key: str,
        model: type[_E],
        entity_id: str,
        *,
        params: Mapping[str, str] = _NO_PARAMS,
    ) -> tuple[Existence, _E | None]:
        """Look something up by its id, which tells apart "never existed" and "existed".

        With an owner the server answers "no such thing" also for one that somebody else owns, and refuses the
        call when the owner is gone. So what is not found for the owner is asked for by its id alone, and that
        answer counts.

        Raises:
            NotPermitted: There is such a thing, and this key may not see it.
        """
        by_id = {"id": entity_id, **params}
        existence = Existence.UNKNOWN
        for asked in [{**by_id, **self.owner}, by_id] if self.owner else [by_id]:
            try:
                reply = await self.transport.call(command, asked)
            except InvalidParameter:
                existence = Existence.UNKNOWN
                continue
            for entity in read_list(command, key, model, reply):
                if same(entity.id, entity_id):
                    return Existence.EXISTS, entity
            existence = Existence.EXPUNGED
        return existence, None

    async def by_id(
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
            reply = await self.transport.call(command, {"id": entity_id, **params})
        except InvalidParameter:
            if await self._is_known(command, entity_id, params):
                raise
            return []
        return [entity for entity in read_list(command, key, model, reply) if same(entity.id, entity_id)]

    async def _is_known(self, command: str, entity_id: str, params: Mapping[str, str]) -> bool:
        without_owner = {name: value for name, value in params.items() if name not in self.owner}
        return without_owner != params and await self.takes(command, {"id": entity_id, **without_owner})

    async def takes(self, command: str, params: Mapping[str, str]) -> bool:
        """Say whether CloudStack knows what these parameters name: it answers with 431 when it does not."""
        try:
            await self.transport.call(command, params)
        except InvalidParameter:
            return False
        return True

    async def every(self, command: str, key: str, model: type[_E], params: Mapping[str, str]) -> list[_E]:
        """List to the last page."""
        found = [
            read_list(command, key, model, page) async for page in self.pager.pages(command, key, params)
        ]
        return _once(found)

    async def everybodys(
        self, command: str, key: str, model: type[_E], params: Mapping[str, str]
    ) -> list[_E]:
        """List what the caller may see: ``listall`` by itself leaves out whatever a project owns.

        Project -1 stands for all that the caller may see (CloudStack's source, not observed). Whoever is
        neither root nor a member of the owner's project gets that one only when it is named.
        """
        everybody = {**params, "listall": "true"}
        lists = [await self.every(command, key, model, everybody)]
        with contextlib.suppress(InvalidParameter, NotPermitted):
            lists.append(await self.every(command, key, model, {**everybody, "projectid": _EVERY_PROJECT}))
        if self._project_id is not None:
            lists.append(await self.every(command, key, model, {**everybody, "projectid": self._project_id}))
        return _once(lists)


def _once(lists: Iterable[Iterable[_E]]) -> list[_E]:
    """Join lists. An entry that moved to the next page while we read is in two, as is one seen twice."""
    return list({entity.id: entity for entities in lists for entity in entities}.values())


def same(one: str, other: str) -> bool:
    """Compare names or ids as CloudStack's database does, where upper and lower case are one."""
    return one.lower() == other.lower()
