"""How the tests ask for the sample VM ``pgtest1``, and what no answer may hold."""

import traceback
from dataclasses import dataclass

from simulators.vma import sample
from vma import DiscoveredVm, VmaClient

PASSWORD = sample.VCENTER_PASSWORD


@dataclass(frozen=True)
class Question:
    """The arguments of a discovery."""

    vcenter: str = sample.VCENTER_HOST
    username: str = sample.VCENTER_USERNAME
    password: str = PASSWORD
    datacenter: str = sample.DATACENTER
    vm_name: str = "pgtest1"
    vm_id: str = sample.PGTEST1_ID

    async def ask(self, client: VmaClient) -> DiscoveredVm | None:
        return await client.discover(
            vcenter=self.vcenter,
            username=self.username,
            password=self.password,
            datacenter=self.datacenter,
            vm_name=self.vm_name,
            vm_id=self.vm_id,
        )


def everything_said(error: BaseException) -> str:
    """Return all texts of an error and of whatever it drags along."""
    parts = ["".join(traceback.format_exception(error))]
    seen: BaseException | None = error
    while seen is not None:
        parts += [str(seen), repr(seen), repr(seen.args), repr(vars(seen))]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(parts)
