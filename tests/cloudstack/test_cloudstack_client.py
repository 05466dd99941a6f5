from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cloudstack import (
    CloudStackClient,
    DeploySpec,
    Existence,
    InternalFault,
    InvalidParameter,
    JobState,
    NetworkRequest,
    NotPermitted,
    OutcomeUnknown,
    Owner,
    Submitted,
    Throttled,
    Transport,
)
from tests.cloudstack import cloudstack_shapes as shapes
from tests.cloudstack.cloudstack_server import Answer, FakeCloudStack, Params, fault, reply
from tests.cloudstack.cloudstack_shapes import JOB_ID, NETWORK_ID, OFFERING_ID, TEMPLATE_ID, VM_ID, ZONE_ID

ACCOUNT = Owner(account="dr", domain_id="d-1")
PROJECT = Owner(project_id="p-1")
OWNERS = [(Owner(), {}), (ACCOUNT, {"account": "dr", "domainid": "d-1"}), (PROJECT, {"projectid": "p-1"})]
SPEC = DeploySpec(
    name="pgtest1",
    zoneid=ZONE_ID,
    templateid=TEMPLATE_ID,
    serviceofferingid=OFFERING_ID,
    networks=(NetworkRequest(NETWORK_ID, "02:00:00:00:00:01"),),
    customid=VM_ID,
)
LIST_VMS = "listVirtualMachines"
UNKNOWN_ID = fault(LIST_VMS, 431, 9999)


def one_vm(**change: object) -> Answer:
    return reply(LIST_VMS, {"count": 1, "virtualmachine": [shapes.vm(**change)]})


def own_params(params: Params) -> Params:
    """Leave away what belongs to every request."""
    common = {"command", "apiKey", "response", "signatureVersion", "expires", "signature"}
    return {name: value for name, value in params.items() if name not in common}


def for_anybody(params: Params) -> bool:
    return not params.keys() & {"account", "domainid", "projectid"}


@pytest.fixture
def client(transport: Transport) -> CloudStackClient:
    return CloudStackClient(transport)


# Looking a VM up by its id


@pytest.mark.parametrize(
    ("answer", "existence"),
    (
        (UNKNOWN_ID, Existence.UNKNOWN),
        (reply(LIST_VMS, {}), Existence.EXPUNGED),
        (one_vm(), Existence.EXISTS),
        (one_vm(state="Destroyed"), Existence.EXISTS),
        (one_vm(state="Expunging", nic=[]), Existence.EXISTS),
        (one_vm(state="Error", nic=[]), Existence.EXISTS),
        (one_vm(id=VM_ID.upper()), Existence.EXISTS),
        # Somebody who ignores the filter is not believed.
        (one_vm(id="another"), Existence.EXPUNGED),
    ),
)
@pytest.mark.parametrize("owner", (Owner(), ACCOUNT, PROJECT))
async def test_a_look_up_tells_never_existed_from_existed_and_exists(
    server: FakeCloudStack, transport: Transport, owner: Owner, answer: Answer, existence: Existence
) -> None:
    server.answer(answer)

    lookup = await CloudStackClient(transport, owner).find_vm(VM_ID)

    assert lookup.existence is existence
    assert (lookup.vm is not None) is (existence is Existence.EXISTS)


async def test_a_vm_that_was_found_has_its_nics_and_marks(
    server: FakeCloudStack, client: CloudStackClient
) -> None:
    nics = [shapes.nic("1", "net-a"), shapes.nic("0", "net-b")]
    server.answer(one_vm(nic=nics, details={"deployvm": "true", "failoverid": "fo-1"}))

    vm = (await client.find_vm(VM_ID)).vm

    assert vm is not None
    assert [nic.networkid for nic in vm.nics_in_order] == ["net-b", "net-a"]
    assert vm.details["failoverid"] == "fo-1"
    assert own_params(server.requests[0]) == {"id": VM_ID, "details": "nics"}


@pytest.mark.parametrize("first", (UNKNOWN_ID, reply(LIST_VMS, {})))
async def test_a_vm_that_the_owner_does_not_have_is_looked_for_by_its_id_alone(
    server: FakeCloudStack, transport: Transport, first: Answer
) -> None:
    server.behave(lambda params: one_vm(account="other") if for_anybody(params) else first)

    lookup = await CloudStackClient(transport, ACCOUNT).find_vm(VM_ID)

    assert lookup.vm is not None
    assert lookup.vm.account == "other"


async def test_the_answer_to_the_id_alone_decides_whether_a_vm_existed(
    server: FakeCloudStack, transport: Transport
) -> None:
    server.behave(lambda params: reply(LIST_VMS, {}) if for_anybody(params) else UNKNOWN_ID)

    assert (await CloudStackClient(transport, ACCOUNT).find_vm(VM_ID)).existence is Existence.EXPUNGED


async def test_a_foreign_vm_is_an_error_and_no_answer(
    server: FakeCloudStack, client: CloudStackClient
) -> None:
    server.answer(fault(LIST_VMS, 531, 4365))

    with pytest.raises(NotPermitted):
        await client.find_vm(VM_ID)


# Lists


@pytest.mark.parametrize(("owner", "params"), OWNERS)
async def test_vms_are_listed_for_the_owner_with_all_filters(
    server: FakeCloudStack, transport: Transport, owner: Owner, params: Params
) -> None:
    server.answer(one_vm())

    await CloudStackClient(transport, owner).list_vms(name="shape-vm", network_id=NETWORK_ID, keyword="shape")

    assert own_params(server.requests[0]) == {
        "name": "shape-vm",
        "networkid": NETWORK_ID,
        "keyword": "shape",
        "details": "nics",
        "page": "1",
        "pagesize": "500",
        **params,
    }


def by_project(**answers: Answer) -> Callable[[Params], Answer]:
    """Answer a list by its ``projectid``: ``none``, ``every`` for -1, ``p_1``; an empty list for the rest."""
    names = {"": "none", "-1": "every"}

    def behaviour(params: Params) -> Answer:
        project = params.get("projectid", "")
        return answers.get(names.get(project, project.replace("-", "_")), reply(LIST_VMS, {}))

    return behaviour


@pytest.mark.parametrize(
    ("owner", "projects"), ((Owner(), [None, "-1"]), (ACCOUNT, [None, "-1"]), (PROJECT, [None, "-1", "p-1"]))
)
async def test_the_vms_of_all_owners_are_those_of_accounts_and_of_projects(
    server: FakeCloudStack, transport: Transport, owner: Owner, projects: list[str | None]
) -> None:
    server.behave(by_project(none=one_vm(id="a"), every=one_vm(id="b"), p_1=one_vm(id="c", projectid="p-1")))

    found = await CloudStackClient(transport, owner).list_vms(all_owners=True)

    assert [vm.id for vm in found] == ["a", "b", "c"][: len(projects)]
    assert [params.get("projectid") for params in server.requests] == projects
    assert all(params["listall"] == "true" for params in server.requests)
    assert not any(params.keys() & {"account", "domainid"} for params in server.requests)


async def test_a_vm_that_several_lists_show_is_there_once(
    server: FakeCloudStack, transport: Transport
) -> None:
    server.answer(one_vm())

    assert len(await CloudStackClient(transport, PROJECT).list_vms(all_owners=True)) == 1
    assert len(server.requests) == 3


@pytest.mark.parametrize("refusal", (fault(LIST_VMS, 431, 9999), fault(LIST_VMS, 531, 4365)))
async def test_a_server_that_knows_no_list_of_every_project_is_asked_for_the_owner_s(
    server: FakeCloudStack, transport: Transport, refusal: Answer
) -> None:
    server.behave(by_project(none=one_vm(id="a"), every=refusal, p_1=one_vm(id="c")))

    found = await CloudStackClient(transport, PROJECT).list_vms(all_owners=True)

    assert [vm.id for vm in found] == ["a", "c"]


@pytest.mark.parametrize("refused", ({"none": True}, {"p_1": True}))
async def test_a_list_that_matters_and_is_refused_is_an_error_and_not_an_empty_list(
    server: FakeCloudStack, transport: Transport, refused: dict[str, bool]
) -> None:
    server.behave(by_project(**dict.fromkeys(refused, fault(LIST_VMS, 531, 4365))))

    with pytest.raises(NotPermitted):
        await CloudStackClient(transport, PROJECT).list_vms(all_owners=True)


async def test_a_passing_fault_of_the_list_of_every_project_is_an_error(
    server: FakeCloudStack, transport: Transport
) -> None:
    server.behave(by_project(none=one_vm(), every=fault(LIST_VMS, 530)))

    with pytest.raises(InternalFault):
        await CloudStackClient(transport).list_vms(all_owners=True)


async def test_a_name_is_the_whole_name_in_any_letter_case(
    server: FakeCloudStack, client: CloudStackClient
) -> None:
    names = ["pgtest1", "PGTEST1", "pgtest10", "xpgtest1"]
    vms = [shapes.vm(id=name, name=name) for name in names]
    server.answer(reply(LIST_VMS, {"count": 4, "virtualmachine": vms}))

    assert [vm.name for vm in await client.list_vms(name="PgTest1")] == ["pgtest1", "PGTEST1"]


@pytest.mark.parametrize(("total", "pages"), ((0, 1), (1, 1), (2, 2), (3, 2), (4, 3), (5, 3)))
async def test_every_page_is_read(
    server: FakeCloudStack, transport: Transport, total: int, pages: int
) -> None:
    vms = [shapes.vm(id=f"vm-{number}") for number in range(total)]

    def page(params: Params) -> Answer:
        size = int(params["pagesize"])
        start = (int(params["page"]) - 1) * size
        shown = vms[start : start + size]
        # The count is the total, and a page past the end has neither count nor list.
        return reply(LIST_VMS, {"count": total, "virtualmachine": shown} if shown else {})

    server.behave(page)

    found = await CloudStackClient(transport, page_size=2).list_vms()

    assert [vm.id for vm in found] == [vm["id"] for vm in vms]
    assert len(server.requests) == pages


async def test_a_vm_that_moved_to_the_next_page_is_listed_once(
    server: FakeCloudStack, transport: Transport
) -> None:
    first = [shapes.vm(id="a"), shapes.vm(id="b")]
    server.answer(
        reply(LIST_VMS, {"count": 3, "virtualmachine": first}),
        reply(LIST_VMS, {"count": 3, "virtualmachine": [shapes.vm(id="b")]}),
    )

    assert [vm.id for vm in await CloudStackClient(transport, page_size=2).list_vms()] == ["a", "b"]


def server_with_pages_of(size: int, total: int) -> Callable[[Params], Answer]:
    """Answer as a server whose administrator allows so many entries per page (observed, 11 and 22)."""
    vms = [shapes.vm(id=f"vm-{number}") for number in range(total)]

    def behaviour(params: Params) -> Answer:
        asked = int(params.get("pagesize", size))
        if asked > size:
            return fault(LIST_VMS, 431, 4350)
        start = (int(params.get("page", "1")) - 1) * asked
        shown = vms[start : start + asked]
        return reply(LIST_VMS, {"count": total, "virtualmachine": shown} if shown else {})

    return behaviour


@pytest.mark.parametrize("total", (0, 1, 4, 5, 6, 11))
async def test_a_server_that_allows_smaller_pages_only_is_read_to_the_end(
    server: FakeCloudStack, client: CloudStackClient, total: int
) -> None:
    server.behave(server_with_pages_of(5, total))

    for _ in range(2):
        assert [vm.id for vm in await client.list_vms()] == [f"vm-{number}" for number in range(total)]

    refused = [params for params in server.requests if params.get("pagesize") == "500"]
    assert len(refused) == 1, "what the server does not allow is not asked for again"


async def test_a_list_that_is_refused_for_another_reason_is_refused_and_pages_stay_as_they_are(
    server: FakeCloudStack, client: CloudStackClient
) -> None:
    server.behave(lambda params: UNKNOWN_ID if "networkid" in params else one_vm())

    with pytest.raises(InvalidParameter):
        await client.list_vms(network_id=NETWORK_ID)
    await client.list_vms()

    assert server.requests[-1]["pagesize"] == "500"


# Deploying and the life of a VM


@pytest.mark.parametrize(("owner", "params"), OWNERS)
async def test_a_deploy_names_owner_and_expiry_and_returns_vm_and_job(
    server: FakeCloudStack, transport: Transport, owner: Owner, params: Params
) -> None:
    server.answer(reply("deployVirtualMachine", {"id": VM_ID, "jobid": JOB_ID}))

    submitted = await CloudStackClient(transport, owner).deploy_vm(SPEC, expires_in=60)

    assert submitted == Submitted(id=VM_ID, jobid=JOB_ID)
    assert own_params(server.requests[0]) == {**SPEC.params(), **params}


async def test_a_deploy_that_fails_is_not_repeated(server: FakeCloudStack, client: CloudStackClient) -> None:
    server.answer(fault("deployVirtualMachine", 530, 0))

    with pytest.raises(InternalFault):
        await client.deploy_vm(SPEC, expires_in=60)

    assert server.commands() == ["deployVirtualMachine"]


@pytest.mark.parametrize("content", ({}, {"jobid": JOB_ID}, {"id": VM_ID}))
async def test_a_deploy_reply_without_vm_or_job_leaves_the_outcome_open(
    server: FakeCloudStack, client: CloudStackClient, content: dict[str, Any]
) -> None:
    server.answer(reply("deployVirtualMachine", content))

    with pytest.raises(OutcomeUnknown):
        await client.deploy_vm(SPEC, expires_in=60)


Action = Callable[[CloudStackClient], Awaitable[Submitted]]


@pytest.mark.parametrize(
    ("action", "command", "params"),
    (
        (lambda c: c.start_vm(VM_ID), "startVirtualMachine", {}),
        (lambda c: c.stop_vm(VM_ID), "stopVirtualMachine", {}),
        (lambda c: c.destroy_vm(VM_ID, expunge=False), "destroyVirtualMachine", {}),
        (lambda c: c.destroy_vm(VM_ID, expunge=True), "destroyVirtualMachine", {"expunge": "true"}),
    ),
)
async def test_an_action_on_a_vm_returns_its_job(
    server: FakeCloudStack, client: CloudStackClient, action: Action, command: str, params: Params
) -> None:
    server.answer(reply(command, {"jobid": JOB_ID}))

    assert await action(client) == Submitted(jobid=JOB_ID)
    assert server.commands() == [command]
    assert own_params(server.requests[0]) == {"id": VM_ID, **params}


# Looking other things up


@pytest.mark.parametrize(("owner", "params"), OWNERS)
async def test_a_network_is_looked_up_for_the_owner(
    server: FakeCloudStack, transport: Transport, owner: Owner, params: Params
) -> None:
    server.answer(reply("listNetworks", {"count": 1, "network": [shapes.network()]}))

    network = await CloudStackClient(transport, owner).find_network(NETWORK_ID)

    assert network is not None
    assert (network.type, network.canusefordeploy, network.zoneid) == ("L2", True, ZONE_ID)
    assert own_params(server.requests[0]) == {"id": NETWORK_ID, **params}


@pytest.mark.parametrize("owner", (Owner(), ACCOUNT))
@pytest.mark.parametrize("answer", (fault("listNetworks", 431, 9999), reply("listNetworks", {})))
async def test_a_network_that_is_unknown_or_deleted_is_none(
    server: FakeCloudStack, transport: Transport, owner: Owner, answer: Answer
) -> None:
    server.answer(answer)

    assert await CloudStackClient(transport, owner).find_network(NETWORK_ID) is None


async def test_a_wrong_owner_is_not_mistaken_for_a_missing_network(
    server: FakeCloudStack, transport: Transport
) -> None:
    there = reply("listNetworks", {"count": 1, "network": [shapes.network()]})
    server.behave(lambda params: there if for_anybody(params) else fault("listNetworks", 431, 9999))

    with pytest.raises(InvalidParameter):
        await CloudStackClient(transport, ACCOUNT).find_network(NETWORK_ID)


@pytest.mark.parametrize("wanted", (ZONE_ID, "Sandbox-simulator", "SANDBOX-SIMULATOR"))
async def test_a_zone_is_found_by_id_or_by_name(
    server: FakeCloudStack, client: CloudStackClient, wanted: str
) -> None:
    def answer(params: Params) -> Answer:
        if params.get("id") not in {None, ZONE_ID}:
            return fault("listZones", 431, 9999)
        near = shapes.zone(id="z-2", name="Sandbox-simulator-2")
        zones = [shapes.zone()] if "id" in params else [near, shapes.zone()]
        return reply("listZones", {"count": len(zones), "zone": zones})

    server.behave(answer)

    zone = await client.find_zone(wanted)

    assert zone is not None
    assert zone.id == ZONE_ID


async def test_a_zone_that_is_neither_id_nor_name_is_none(
    server: FakeCloudStack, client: CloudStackClient
) -> None:
    server.answer(fault("listZones", 431, 9999), reply("listZones", {}))

    assert await client.find_zone("Nowhere") is None
    assert [own_params(params).keys() & {"id", "name"} for params in server.requests] == [{"id"}, {"name"}]


async def test_an_offering_is_found_by_id(server: FakeCloudStack, client: CloudStackClient) -> None:
    server.answer(reply("listServiceOfferings", {"count": 1, "serviceoffering": [shapes.offering()]}))

    offering = await client.find_offering(OFFERING_ID)

    assert offering is not None
    assert (offering.cpunumber, offering.cpuspeed, offering.memory) == (1, 500, 512)
    assert own_params(server.requests[0]) == {"id": OFFERING_ID}


@pytest.mark.parametrize(
    "answer", (fault("listServiceOfferings", 431, 9999), reply("listServiceOfferings", {}))
)
async def test_an_unknown_offering_is_none(
    server: FakeCloudStack, client: CloudStackClient, answer: Answer
) -> None:
    server.answer(answer)

    assert await client.find_offering(OFFERING_ID) is None


@pytest.mark.parametrize(("zone_id", "ready"), ((None, False), ("z-1", False), ("z-2", True), ("z-3", None)))
async def test_a_template_is_found_as_it_is_in_the_zone(
    server: FakeCloudStack, transport: Transport, zone_id: str | None, *, ready: bool | None
) -> None:
    entries = [
        shapes.template(zoneid="z-1", isready=False),
        shapes.template(zoneid="z-2", isready=True),
    ]
    server.answer(reply("listTemplates", {"count": 2, "template": entries}))

    template = await CloudStackClient(transport, PROJECT).find_template(TEMPLATE_ID, zone_id=zone_id)

    assert (template.isready if template else None) is ready
    assert own_params(server.requests[0]) == {
        "id": TEMPLATE_ID,
        "templatefilter": "executable",
        "projectid": "p-1",
    }


async def test_a_template_for_all_zones_is_in_each(server: FakeCloudStack, client: CloudStackClient) -> None:
    server.answer(reply("listTemplates", {"count": 1, "template": [shapes.template(zoneid=None)]}))

    assert await client.find_template(TEMPLATE_ID, zone_id=ZONE_ID) is not None


# Jobs


async def test_the_pending_jobs_are_the_callers_own_to_the_last_page(
    server: FakeCloudStack, transport: Transport
) -> None:
    jobs = [shapes.job(0, jobid=f"job-{number}") for number in range(3)]
    server.answer(
        reply("listAsyncJobs", {"count": 3, "asyncjobs": jobs[:2]}),
        reply("listAsyncJobs", {"count": 3, "asyncjobs": jobs[2:]}),
    )

    pending = await CloudStackClient(transport, ACCOUNT, page_size=2).pending_job_ids()

    assert pending == {"job-0", "job-1", "job-2"}
    assert [own_params(params) for params in server.requests] == [
        {"page": "1", "pagesize": "2"},
        {"page": "2", "pagesize": "2"},
    ]


async def test_no_pending_job_is_an_empty_set(server: FakeCloudStack, client: CloudStackClient) -> None:
    server.answer(reply("listAsyncJobs", {}))

    assert await client.pending_job_ids() == set()


@pytest.mark.parametrize(
    ("answer", "state", "code"),
    (
        (reply("queryAsyncJobResult", shapes.job(0)), JobState.PENDING, 0),
        (reply("queryAsyncJobResult", shapes.success()), JobState.SUCCEEDED, 0),
        (reply("queryAsyncJobResult", shapes.failure(533, "No destination")), JobState.FAILED, 533),
        (reply("queryAsyncJobResult", shapes.job(2, jobresultcode=530)), JobState.FAILED, 530),
        (fault("queryAsyncJobResult", 431, 9999), JobState.EXPIRED, 431),
    ),
)
async def test_a_job_is_told_by_its_status(
    server: FakeCloudStack, client: CloudStackClient, answer: Answer, state: JobState, code: int
) -> None:
    server.answer(answer)

    outcome = await client.job(JOB_ID)

    assert (outcome.job_id, outcome.state, outcome.code) == (JOB_ID, state, code)
    assert own_params(server.requests[0]) == {"jobid": JOB_ID}


async def test_the_job_of_another_account_is_an_error(
    server: FakeCloudStack, client: CloudStackClient
) -> None:
    server.answer(fault("queryAsyncJobResult", 531, 4365))

    with pytest.raises(NotPermitted):
        await client.job(JOB_ID)


# Replies that cannot be used


@pytest.mark.parametrize(
    ("command", "content", "action"),
    (
        (LIST_VMS, {"virtualmachine": {"id": VM_ID}}, lambda c: c.list_vms()),
        (LIST_VMS, {"virtualmachine": 7}, lambda c: c.list_vms()),
        (LIST_VMS, {"virtualmachine": [{"id": VM_ID}]}, lambda c: c.find_vm(VM_ID)),
        (LIST_VMS, {"virtualmachine": ["x"]}, lambda c: c.find_vm(VM_ID)),
        ("listNetworks", {"network": [{"name": "no id"}]}, lambda c: c.find_network(NETWORK_ID)),
        ("listAsyncJobs", {"asyncjobs": [{"jobstatus": 0}]}, lambda c: c.pending_job_ids()),
        ("queryAsyncJobResult", {"jobid": JOB_ID}, lambda c: c.job(JOB_ID)),
        ("startVirtualMachine", {}, lambda c: c.start_vm(VM_ID)),
    ),
)
async def test_a_reply_without_what_identifies_the_thing_leaves_the_outcome_open(
    server: FakeCloudStack,
    client: CloudStackClient,
    command: str,
    content: dict[str, Any],
    action: Callable[[CloudStackClient], Awaitable[object]],
) -> None:
    server.answer(reply(command, content))

    with pytest.raises(OutcomeUnknown) as caught:
        await action(client)

    assert caught.value.command == command


async def test_an_unusable_reply_is_described_without_its_values(
    server: FakeCloudStack, client: CloudStackClient
) -> None:
    server.answer(reply(LIST_VMS, {"virtualmachine": [{"id": VM_ID, "name": ["made-up-password"]}]}))

    with pytest.raises(OutcomeUnknown) as caught:
        await client.find_vm(VM_ID)

    assert "name" in str(caught.value)
    assert "state" in str(caught.value)
    assert "made-up-password" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_throttled_list_is_an_error_and_never_an_empty_list(
    server: FakeCloudStack, client: CloudStackClient
) -> None:
    server.answer(fault(LIST_VMS, 429))

    with pytest.raises(Throttled):
        await client.list_vms()


# Leases


async def test_a_lease_is_renewed_without_a_word_about_details(
    server: FakeCloudStack, client: CloudStackClient
) -> None:
    server.answer(reply("updateVirtualMachine", {"virtualmachine": shapes.vm()}))

    await client.update_lease(VM_ID, days=3, action="DESTROY")

    assert own_params(server.requests[0]) == {
        "id": VM_ID,
        "leaseduration": "3",
        "leaseexpiryaction": "DESTROY",
    }


@pytest.mark.parametrize("days", (-1, 0, 36501))
async def test_days_that_end_a_lease_or_are_refused_are_never_sent(
    server: FakeCloudStack, client: CloudStackClient, days: int
) -> None:
    with pytest.raises(ValueError, match="1 to 36500 days"):
        await client.update_lease(VM_ID, days=days, action="DESTROY")

    assert server.commands() == []


async def test_a_renewal_that_fails_is_not_repeated(server: FakeCloudStack, client: CloudStackClient) -> None:
    server.answer(fault("updateVirtualMachine", 530, 4250))

    with pytest.raises(InternalFault):
        await client.update_lease(VM_ID, days=1, action="STOP")

    assert server.commands() == ["updateVirtualMachine"]
