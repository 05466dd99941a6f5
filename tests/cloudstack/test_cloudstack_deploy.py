import dataclasses
from typing import Any

import pytest

from cloudstack import DeploySpec, NetworkRequest, Owner

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
    ),
)
def test_what_cloudstack_would_silently_do_otherwise_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        dataclasses.replace(SPEC, **change)


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
