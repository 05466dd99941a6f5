"""The product's client reads the same answers as the raw requests of this suite."""

from collections.abc import AsyncIterator

import pytest

from cloudstack import (
    CloudStackClient,
    DeploySpec,
    Existence,
    InternalFault,
    InvalidParameter,
    JobOutcome,
    JobState,
    JobWatcher,
    NetworkRequest,
    NotAuthenticated,
    OutcomeUnknown,
    Owner,
    Submitted,
    Transport,
)
from tests.contract.cloud import Cloud, new_id, new_mac
from tests.contract.target import KeyPair, Target

EXPIRES_IN = 60


@pytest.fixture(scope="module")
async def client(target: Target) -> AsyncIterator[CloudStackClient]:
    async with Transport(target.endpoint, target.admin.key, target.admin.secret) as transport:
        yield CloudStackClient(transport)


def spec(cloud: Cloud, *networks: str | NetworkRequest, **changes: str) -> DeploySpec:
    asked = tuple(NetworkRequest(item) if isinstance(item, str) else item for item in networks)
    return DeploySpec(
        name=changes.get("name") or cloud.name(),
        zoneid=cloud.site.zone,
        templateid=cloud.site.template,
        serviceofferingid=cloud.site.offering,
        networks=asked,
        customid=changes.get("customid"),
        details={"failoverid": changes.get("mark", "fo-1")},
    )


async def ended(client: CloudStackClient, submitted: Submitted) -> JobOutcome:
    watcher = JobWatcher(client, interval_seconds=0.2)
    try:
        return await watcher.wait(submitted.jobid)
    finally:
        await watcher.close()


async def deployed(client: CloudStackClient, wanted: DeploySpec) -> str:
    submitted = await client.deploy_vm(wanted, expires_in=EXPIRES_IN)
    assert submitted.id is not None
    assert (await ended(client, submitted)).state is JobState.SUCCEEDED
    return submitted.id


@pytest.mark.observed(1, "row 1: NICs in order with their MACs, read by the product")
async def test_the_client_deploys_and_reads_back_what_it_asked_for(
    cloud: Cloud, client: CloudStackClient, lan: str, dmz: str
) -> None:
    wanted = (NetworkRequest(dmz, new_mac()), NetworkRequest(lan, new_mac()))
    vm_id = await deployed(client, spec(cloud, *wanted, customid=(chosen := new_id()), mark="a~*b c"))
    lookup = await client.find_vm(vm_id)
    assert (vm_id, lookup.existence) == (chosen, Existence.EXISTS)
    assert lookup.vm is not None
    assert lookup.vm.state == "Stopped"
    assert [NetworkRequest(nic.networkid, nic.macaddress) for nic in lookup.vm.nics_in_order] == list(wanted)
    assert [(nic.deviceid, nic.isdefault) for nic in lookup.vm.nics_in_order] == [(0, True), (1, False)]
    assert lookup.vm.details["failoverid"] == "a~*b c"


@pytest.mark.observed(1, "the VM as listed raw and as the client reads it are one")
async def test_the_client_reads_a_vm_as_it_is_listed(
    cloud: Cloud, client: CloudStackClient, running_vm: str
) -> None:
    raw = await cloud.vm(running_vm)
    vm = (await client.find_vm(running_vm)).vm
    assert vm is not None
    for field in ("id", "name", "state", "zoneid", "templateid", "serviceofferingid", "cpunumber", "memory"):
        assert getattr(vm, field) == raw[field]
    assert vm.details == raw["details"]
    assert [str(nic.deviceid) for nic in vm.nic] == [nic["deviceid"] for nic in raw["nic"]]


@pytest.mark.observed(2, "lookup id= never existed: 431; expunged: empty")
async def test_the_client_tells_never_existed_from_expunged(
    client: CloudStackClient, expunged_vm: str
) -> None:
    assert (await client.find_vm(new_id())).existence is Existence.UNKNOWN
    assert (await client.find_vm(expunged_vm)).existence is Existence.EXPUNGED


@pytest.mark.observed(2, "customid repeat: 431; after expunge: 530")
async def test_the_client_meets_taken_ids(
    cloud: Cloud, client: CloudStackClient, lan: str, stopped_vm: str, expunged_vm: str
) -> None:
    with pytest.raises(InvalidParameter):
        await client.deploy_vm(spec(cloud, lan, customid=stopped_vm), expires_in=EXPIRES_IN)
    with pytest.raises(InternalFault):
        await client.deploy_vm(spec(cloud, lan, customid=expunged_vm), expires_in=EXPIRES_IN)


@pytest.mark.observed(3, "same name, same network: 431; name= exact")
async def test_the_client_meets_taken_names_and_finds_their_holder(
    cloud: Cloud, client: CloudStackClient, lan: str, dmz: str
) -> None:
    name = cloud.name()
    vm_id = await deployed(client, spec(cloud, lan, name=name))
    with pytest.raises(InvalidParameter):
        await client.deploy_vm(spec(cloud, lan, name=name), expires_in=EXPIRES_IN)
    assert [vm.id for vm in await client.list_vms(name=name)] == [vm_id]
    assert [vm.id for vm in await client.list_vms(name=name, network_id=lan, all_owners=True)] == [vm_id]
    assert await client.list_vms(name=name, network_id=dmz) == []
    assert await client.list_vms(name=name[:-1]) == []
    assert vm_id in {vm.id for vm in await client.list_vms(keyword=cloud.ledger.prefix)}


@pytest.mark.observed(8, "jobs: success, failure with its code, unknown 431")
async def test_the_client_reads_ends_of_jobs(client: CloudStackClient, running_vm: str) -> None:
    refused = await ended(client, await client.start_vm(running_vm))
    assert (refused.state, refused.code, refused.has_result) == (JobState.FAILED, 431, True)
    assert isinstance(refused.error("startVirtualMachine"), InvalidParameter)
    unknown = await client.job(new_id())
    assert unknown.state is JobState.EXPIRED
    assert isinstance(unknown.error("startVirtualMachine"), OutcomeUnknown)
    assert (await client.find_vm(running_vm)).vm is not None


@pytest.mark.observed(8, "pending job: jobstatus 0; listAsyncJobs: only unfinished")
async def test_the_client_sees_a_job_that_is_under_way(
    cloud: Cloud, client: CloudStackClient, lan: str
) -> None:
    vm_id = await deployed(client, spec(cloud, lan))
    submitted = await client.start_vm(vm_id)
    # In this order: what is not over when it is asked for was not over when the list was read.
    pending, job = await client.pending_job_ids(), await client.job(submitted.jobid)
    if job.state is not JobState.PENDING:
        pytest.skip("a start is over here before anybody can ask for it")
    assert submitted.jobid in pending
    assert (await ended(client, submitted)).state is JobState.SUCCEEDED
    assert submitted.jobid not in await client.pending_job_ids()


@pytest.mark.observed(5, "stop on Stopped: job success; section 10: destroy expunge=true")
async def test_the_client_stops_and_removes_a_vm(cloud: Cloud, client: CloudStackClient, lan: str) -> None:
    vm_id = await deployed(client, spec(cloud, lan))
    for submitted in (
        await client.stop_vm(vm_id),
        await client.destroy_vm(vm_id, expunge=False),
        await client.destroy_vm(vm_id, expunge=True),
    ):
        assert (await ended(client, submitted)).state is JobState.SUCCEEDED
    assert (await client.find_vm(vm_id)).existence is Existence.EXPUNGED
    with pytest.raises(InvalidParameter):
        await client.destroy_vm(vm_id, expunge=True)


@pytest.mark.observed(18, "networks: type, canusefordeploy, service[]; deleted: empty, unknown: 431")
async def test_the_client_finds_networks(
    cloud: Cloud, client: CloudStackClient, lan: str, isolated: str
) -> None:
    l2, routed = await client.find_network(lan), await client.find_network(isolated)
    assert l2 is not None
    assert routed is not None
    assert (l2.type, l2.canusefordeploy, l2.service_names) == ("L2", True, frozenset())
    assert (routed.type, "UserData" in routed.service_names) == ("Isolated", True)
    deleted = await cloud.network()
    await cloud.done("deleteNetwork", id=deleted)
    assert await client.find_network(deleted) is None
    assert await client.find_network(new_id()) is None


@pytest.mark.observed(6, "shapes: zone, serviceoffering, template; unknown: 431")
async def test_the_client_finds_what_a_vm_is_made_from(cloud: Cloud, client: CloudStackClient) -> None:
    zone = await client.find_zone(cloud.site.zone)
    offering = await client.find_offering(cloud.site.offering)
    template = await client.find_template(cloud.site.template, zone_id=cloud.site.zone)
    assert zone is not None
    assert (await client.find_zone(zone.name)) == zone
    assert offering is not None
    assert (offering.iscustomized, offering.cpunumber is not None) == (False, True)
    assert template is not None
    assert (template.id, template.isready) == (cloud.site.template, True)
    assert await client.find_zone(new_id()) is None
    assert await client.find_offering(new_id()) is None
    assert await client.find_template(new_id()) is None


@pytest.mark.observed(7, "All failures: HTTP 401")
async def test_the_client_reports_a_wrong_secret(target: Target) -> None:
    async with Transport(target.endpoint, target.admin.key, "made-up-secret") as transport:
        with pytest.raises(NotAuthenticated):
            await CloudStackClient(transport).find_zone("any")


@pytest.mark.observed(2, "root admin for account=plain: 200, VM belongs to plain")
async def test_the_client_deploys_for_an_owner(cloud: Cloud, target: Target, plain: KeyPair) -> None:
    [account] = (await cloud.call("listAccounts", who=plain)).items("account")
    owner = Owner(account=account["name"], domain_id=account["domainid"])
    network = await cloud.network(who=plain)
    async with Transport(target.endpoint, target.admin.key, target.admin.secret) as transport:
        client = CloudStackClient(transport, owner)
        vm_id = await deployed(client, spec(cloud, network, customid=new_id()))
        lookup = await client.find_vm(vm_id)
        assert await client.find_network(network) is not None
    assert lookup.vm is not None
    assert (lookup.vm.account, lookup.vm.domainid) == (owner.account, owner.domain_id)
