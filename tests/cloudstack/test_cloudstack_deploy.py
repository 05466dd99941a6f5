import dataclasses
from typing import Any

import pytest

from cloudstack import CloudStackClient, DeploySpec, NetworkRequest, Owner, Transport
from simulators.cloudstack import CloudStackSimulator, sample

VM_ID = "5bd03bc8-3a5c-4d54-9d0f-0c2f4f0b7a11"
SPEC = DeploySpec(
    name="pgtest1",
    zoneid="zone",
    templateid="template",
    serviceofferingid="offering",
    networks=(NetworkRequest("net-b", "02:00:00:00:00:01"), NetworkRequest("net-a")),
)


def test_a_spec_asks_for_a_stopped_vm_with_its_networks_in_order() -> None:
    assert SPEC.params() == {
        "name": "pgtest1",
        "displayname": "pgtest1",
        "zoneid": "zone",
        "templateid": "template",
        "serviceofferingid": "offering",
        "startvm": "false",
        "iptonetworklist[0].networkid": "net-b",
        "iptonetworklist[0].mac": "02:00:00:00:00:01",
        "iptonetworklist[1].networkid": "net-a",
    }


def test_marks_and_sizes_are_one_map_of_details() -> None:
    spec = dataclasses.replace(
        SPEC,
        displayname="A test of pgtest1",
        customid=VM_ID,
        details={"failover.workflow": "wf~1", "failover.generation": "0"},
        cpu_number=2,
        cpu_speed=600,
        memory=512,
    )

    params = spec.params()

    assert {name: value for name, value in params.items() if name.startswith("details")} == {
        "details[0].failover.workflow": "wf~1",
        "details[0].failover.generation": "0",
        "details[0].cpuNumber": "2",
        "details[0].cpuSpeed": "600",
        "details[0].memory": "512",
    }
    assert (params["customid"], params["displayname"]) == (VM_ID, "A test of pgtest1")


@pytest.mark.parametrize(
    ("change", "why"),
    (
        ({"networks": ()}, "names its networks"),
        ({"networks": (NetworkRequest("n"), NetworkRequest("n", "02:00:00:00:00:02"))}, "one NIC"),
        ({"customid": VM_ID.upper()}, "lower-case uuid"),
        ({"customid": "vm-1"}, "lower-case uuid"),
        ({"customid": VM_ID + "\n"}, "lower-case uuid"),
        ({"details": {"extraconfig-1": "x"}}, "extraconfig-1"),
        ({"details": {"cpuNumber": "4"}}, "cpuNumber"),
        ({"lease_days": -1}, "36500 days"),
        ({"lease_days": 36501}, "36500 days"),
    ),
)
def test_what_cloudstack_would_silently_do_otherwise_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        dataclasses.replace(SPEC, **change)


@pytest.mark.parametrize(
    ("change", "leases", "firmware", "lease"),
    (
        ({}, True, ("Bios", "legacy", None), (None, None)),
        ({"uefi": True}, True, ("Uefi", "legacy", "LEGACY"), (None, None)),
        ({"lease_days": 36500}, True, ("Bios", "legacy", None), (36500, "DESTROY")),
        ({"lease_days": 2, "uefi": True}, False, ("Uefi", "legacy", "LEGACY"), (None, None)),
    ),
)
async def test_firmware_and_lease_are_read_back(
    change: dict[str, Any],
    firmware: tuple[str, str, str | None],
    lease: tuple[int | None, str | None],
    *,
    leases: bool,
) -> None:
    simulator = CloudStackSimulator()
    simulator.world.settings["instance.lease.enabled"] = str(leases).lower()
    await simulator.start()
    try:
        async with Transport(simulator.endpoint, sample.ADMIN.key, sample.ADMIN.secret) as transport:
            client = CloudStackClient(transport)
            spec = DeploySpec(
                name="pgtest1",
                zoneid=sample.ZONE_ID,
                templateid=sample.TEMPLATE_ID,
                serviceofferingid=sample.SMALL_OFFERING_ID,
                networks=(NetworkRequest(sample.PROD_LAN_ID),),
                customid=VM_ID,
            )
            await client.deploy_vm(dataclasses.replace(spec, **change), expires_in=60)
            vm = (await client.find_vm(VM_ID)).vm
    finally:
        await simulator.stop()
    assert vm is not None
    assert (vm.boottype, vm.bootmode, vm.details.get("UEFI")) == firmware
    assert (vm.leaseduration, vm.leaseexpiryaction) == lease
    assert (vm.leaseexpirydate is not None) is (lease[0] is not None)
    assert (vm.hypervisor, vm.templateid) == ("Simulator", sample.TEMPLATE_ID)


@pytest.mark.parametrize(
    ("owner", "params"),
    (
        (Owner(), {}),
        (Owner(account="", domain_id="", project_id=""), {}),
        (Owner(account="dr", domain_id="d-1"), {"account": "dr", "domainid": "d-1"}),
        (Owner(project_id="p-1"), {"projectid": "p-1"}),
    ),
)
def test_an_owner_is_named_by_account_and_domain_or_by_project(owner: Owner, params: dict[str, str]) -> None:
    assert owner.params() == params


@pytest.mark.parametrize(
    "half",
    (
        {"account": "dr"},
        {"domain_id": "d-1"},
        {"account": "dr", "domain_id": "d-1", "project_id": "p-1"},
    ),
)
def test_half_an_owner_or_two_are_refused(half: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="owner"):
        Owner(**half)
