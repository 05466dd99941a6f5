"""Two VMs of one name, of two vCenters, failed over at one moment: never two of that name on one network.

CloudStack does not keep them apart: of parallel deploys of one name two pass (observed, section 3).
"""

import asyncio
from collections import Counter
from dataclasses import dataclass

import pytest

from database import name_resource
from embedded.seed import PGTEST1_CONTEXT
from rules.errors import FailoverErrorType as ErrorType
from simulators.cloudstack import sample
from simulators.vma.inventory import Nic, VCenter, VirtualMachine
from tests.faults.conftest import Endings
from tests.faults.stories import COMPLETED, Ended, Stage, Story

_OTHER_CONTEXT = "ctx-pgtest1-of-another-vcenter"
_OTHER_HOST = "vcenter-b.example.local"
_OTHER_ID = "0b1d8a4e-5a07-4c57-8df9-5f2a8f6f0c11"


async def _add_namesake(stage: Stage, *, live_network: str, test_network: str) -> None:
    """A second vCenter with a VM of the name pgtest1 and one NIC."""
    stage.site.vma.vcenters[_OTHER_HOST] = VCenter(
        username="operator@example.local",
        password="made-up-password-of-vcenter-b",
        datacenter="DC2",
        vms=[VirtualMachine(_OTHER_ID, "pgtest1", [Nic("VM Network", "00:50:56:09:00:01")])],
    )
    await stage.site.sql(
        "INSERT INTO vmware_credentials (id, credential_name, vcenter_host, username, password_encrypted,"
        " datacenter, is_active, is_default) SELECT 77, 'vcenter-b', 'vcenter-b.example.local',"
        " 'operator@example.local', 'TEMP_PLAINTEXT_made-up-password-of-vcenter-b', 'DC2', 1, 0",
        "INSERT INTO vm_replication_contexts (context_id, vm_name, vmware_vm_id, vm_path, vcenter_host,"
        " datacenter, current_status, cpu_count, memory_mb, credential_id, ossea_config_id) SELECT"
        " 'ctx-pgtest1-of-another-vcenter', vm_name, '0b1d8a4e-5a07-4c57-8df9-5f2a8f6f0c11',"
        " '/DC2/vm/pgtest1', 'vcenter-b.example.local', 'DC2', current_status, cpu_count, memory_mb, 77,"
        " ossea_config_id"
        " FROM vm_replication_contexts WHERE vm_name = 'pgtest1'",
    )
    for is_test, network in enumerate((live_network, test_network)):
        await stage.site.sql(
            "INSERT INTO network_mappings (vm_context_id, vm_id, source_network_name, destination_network_id,"
            " destination_network_name, is_test_network) VALUES"
            f" ('{_OTHER_CONTEXT}', '{_OTHER_ID}', 'VM Network', '{network}', 'x', {is_test})"
        )


@dataclass(frozen=True)
class _Both:
    """Both failovers at one moment; the story ends as the one that did not complete, if there is one."""

    failover_type: str
    live_network: str = sample.PROD_LAN_ID
    test_network: str = sample.TEST_LAN_ID

    async def __call__(self, stage: Stage) -> Ended:
        await _add_namesake(stage, live_network=self.live_network, test_network=self.test_network)
        contexts = (PGTEST1_CONTEXT, _OTHER_CONTEXT)
        handles = await asyncio.gather(
            *(stage.start({"context_id": one, "failover_type": self.failover_type}) for one in contexts)
        )
        ends = await stage.ends_of(*handles)
        completed = [ended for ended in ends if ended.type == COMPLETED]
        vms = stage.site.vms()
        assert completed
        assert len(vms) == len(completed)
        names = Counter((vm.name.lower(), nic.network.id) for vm in vms for nic in vm.nics)
        assert set(names.values()) == {1}, "two VMs of one name on one network"
        return next((ended for ended in ends if ended not in completed), ends[0])


def _story(title: str, plot: _Both, *, plain: bool, ends: str = COMPLETED) -> Story:
    who = "plain key" if plain else "admin key"
    vms = ("Running",) if ends == COMPLETED else ()
    return Story(f"{who}: {title}", ends=ends, vms=vms, plain=plain, plot=plot)


STORIES = tuple(
    story
    for plain in (False, True)
    for story in (
        _story("live, on one network", _Both("live"), ends=ErrorType.VM_NAME_TAKEN.value, plain=plain),
        _story("live, on different networks", _Both("live", sample.DEFAULT_NET_ID), plain=plain),
        _story("test, on one network", _Both("test"), plain=plain),
    )
)


async def _held_by_an_open_run(stage: Stage) -> Ended:
    async with stage.open_run() as holder:
        await stage.add_lease(name_resource("PGTEST1"), owner=holder.id)
        ended = await stage.run()
    assert holder.id in ended.message
    assert ended.leases == (holder.id,)
    return ended


BUSY = Story(
    "held for too long by an open run",
    ends=ErrorType.VM_NAME_BUSY.value,
    vms=(),
    settings={"FAILOVER_NAME_WAIT_SECONDS": 1},
    plot=_held_by_an_open_run,
)


@pytest.mark.parametrize("story", STORIES, ids=str)
async def test_two_failovers_of_one_name_at_one_moment(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states, ended.leases) == (story.ends, story.vms, ())


@pytest.mark.parametrize("story", (BUSY,), ids=str)
async def test_the_name_is(story: Story, endings: Endings) -> None:
    ended = endings.of(story)
    assert (ended.type, ended.states, ended.count("deployVirtualMachine")) == (story.ends, story.vms, 0)
