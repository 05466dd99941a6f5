"""Discovery against the simulated agent: who is found, and what is known of it."""

import pytest

from simulators.vma import VmaSimulator, sample
from tests.vma.questions import Question
from vma import VmaClient


def filters(simulator: VmaSimulator) -> list[str]:
    return [call.vm for call in simulator.calls]


async def test_nics_come_in_device_order_with_their_mac_addresses(client: VmaClient) -> None:
    found = await Question().ask(client)

    assert found is not None
    assert [(nic.network_name, nic.mac_address) for nic in found.networks] == [
        (sample.VM_NETWORK, sample.PGTEST1_MACS[0]),
        (sample.DMZ_NETWORK, sample.PGTEST1_MACS[1]),
    ]
    assert [nic.label for nic in found.networks] == ["ethernet--7", "ethernet--7"]
    assert (found.name, found.num_cpu, found.memory_mb, found.power_state) == (
        "pgtest1",
        2,
        4096,
        "poweredOn",
    )


async def test_a_vm_whose_name_contains_the_other_is_not_taken_for_it(
    simulator: VmaSimulator, client: VmaClient
) -> None:
    # The one that only contains the name comes first: whoever takes the first gets the wrong VM.
    simulator.vcenters[sample.VCENTER_HOST].vms.reverse()

    found = await Question().ask(client)

    assert found is not None
    assert (found.id, found.name) == (sample.PGTEST1_ID, "pgtest1")
    assert filters(simulator) == ["pgtest1"]


async def test_the_uuid_decides_even_against_the_name(client: VmaClient) -> None:
    found = await Question(vm_id=sample.PGTEST1_OLD_ID).ask(client)

    assert found is not None
    assert found.name == "pgtest1-old"


async def test_a_uuid_has_no_letter_case(client: VmaClient) -> None:
    found = await Question(vm_id=sample.PGTEST1_ID.upper()).ask(client)

    assert found is not None
    assert found.name == "pgtest1"


async def test_a_vm_that_was_renamed_is_found_by_its_uuid(simulator: VmaSimulator, client: VmaClient) -> None:
    simulator.vm(sample.PGTEST1_ID).name = "database-server"

    found = await Question().ask(client)

    assert found is not None
    assert (found.id, found.name) == (sample.PGTEST1_ID, "database-server")
    assert filters(simulator) == ["pgtest1", ""]


async def test_a_vm_that_took_the_name_over_is_not_taken_for_it(
    simulator: VmaSimulator, client: VmaClient
) -> None:
    simulator.vm(sample.PGTEST1_ID).name = "pgtest1-before"
    simulator.vm(sample.PGTEST1_OLD_ID).name = "pgtest1"

    found = await Question().ask(client)

    assert found is not None
    assert found.name == "pgtest1-before"


async def test_a_vm_that_is_gone_is_none_and_no_error(simulator: VmaSimulator, client: VmaClient) -> None:
    vcenter = simulator.vcenters[sample.VCENTER_HOST]
    vcenter.vms = [vm for vm in vcenter.vms if vm.id != sample.PGTEST1_ID]

    assert await Question().ask(client) is None
    assert filters(simulator) == ["pgtest1", ""]


async def test_a_vcenter_without_any_vm_is_an_answer(simulator: VmaSimulator, client: VmaClient) -> None:
    simulator.vcenters[sample.VCENTER_HOST].vms.clear()

    assert await Question().ask(client) is None


async def test_a_vm_that_is_switched_off_has_nics_that_are_not_connected(
    simulator: VmaSimulator, client: VmaClient
) -> None:
    simulator.vm(sample.PGTEST1_ID).power_state = "poweredOff"

    found = await Question().ask(client)

    assert found is not None
    assert found.power_state == "poweredOff"
    assert [nic.connected for nic in found.networks] == [False, False]


@pytest.mark.parametrize("ending", ("", "/", "//"))
async def test_an_address_may_end_in_a_slash(simulator: VmaSimulator, client: VmaClient, ending: str) -> None:
    other = VmaClient(simulator.url + ending, client._session)

    assert await Question().ask(other) == await Question().ask(client)
    assert {call.path for call in simulator.calls} == {"/api/v1/discover"}


async def test_the_client_names_its_agent(client: VmaClient, simulator: VmaSimulator) -> None:
    assert repr(client) == f"VmaClient({simulator.url!r})"
