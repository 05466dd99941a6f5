import pytest
from pydantic import ValidationError

from cloudstack import (
    Existence,
    JobOutcome,
    JobState,
    Network,
    ServiceOffering,
    VirtualMachine,
    VmLookup,
)
from cloudstack.models import outcome_of
from tests.cloudstack import cloudstack_shapes as shapes


def test_nics_are_ordered_by_device_id_as_a_number() -> None:
    devices = ["10", "2", "0", "1"]
    vm = VirtualMachine.model_validate(shapes.vm(nic=[shapes.nic(device) for device in devices]))

    assert [nic.deviceid for nic in vm.nics_in_order] == [0, 1, 2, 10]


def test_a_vm_without_network_or_with_little_said_about_it_can_be_read() -> None:
    vm = VirtualMachine.model_validate({"id": "v", "name": "n", "state": "Error"})

    assert vm.nics_in_order == ()
    assert vm.details == {}


def test_details_are_texts_whatever_was_put_into_them() -> None:
    vm = VirtualMachine.model_validate(shapes.vm(details={"a": "x", "b": 2, "c": None, "d": True}))

    assert vm.details == {"a": "x", "b": "2", "d": "True"}


def test_an_absent_map_of_details_is_empty() -> None:
    assert VirtualMachine.model_validate(shapes.vm(details=None)).details == {}


def test_details_that_are_no_map_are_refused() -> None:
    with pytest.raises(ValidationError):
        VirtualMachine.model_validate(shapes.vm(details="x"))


def test_the_services_of_a_network_are_known_by_name() -> None:
    services = [{"name": "Dhcp", "provider": []}, {"name": "UserData", "capability": []}]

    assert Network.model_validate(shapes.network(service=services)).service_names == {"Dhcp", "UserData"}
    assert Network.model_validate(shapes.network()).service_names == frozenset()


def test_a_customized_offering_names_no_size_of_its_own_but_its_bounds() -> None:
    bounds = {"mincpunumber": "1", "maxcpunumber": "4"}
    shape = {"id": "o", "name": "Custom", "iscustomized": True, "serviceofferingdetails": bounds}

    offering = ServiceOffering.model_validate(shape)

    assert (offering.iscustomized, offering.cpunumber, offering.memory) == (True, None, None)
    assert offering.serviceofferingdetails == bounds


def test_a_number_in_place_of_an_id_is_read_as_text() -> None:
    assert VirtualMachine.model_validate(shapes.vm(serviceofferingid=1)).serviceofferingid == "1"


@pytest.mark.parametrize(
    ("reply", "expected"),
    (
        (shapes.job(0), JobOutcome(job_id="j", state=JobState.PENDING)),
        (shapes.success(), JobOutcome(job_id="j", state=JobState.SUCCEEDED, has_result=True)),
        (
            shapes.failure(431, "The virtual machine is\nalready running"),
            JobOutcome(
                job_id="j",
                state=JobState.FAILED,
                code=431,
                has_result=True,
                text="The virtual machine is already running",
            ),
        ),
        # A restart of the management server, and a queue that was cancelled: no result.
        (shapes.job(2, jobresultcode=530), JobOutcome(job_id="j", state=JobState.FAILED, code=530)),
        (shapes.job(2), JobOutcome(job_id="j", state=JobState.FAILED)),
        (shapes.job(2, jobresult="gibberish"), JobOutcome(job_id="j", state=JobState.FAILED)),
        # jobprocstatus means nothing.
        (shapes.job(0, jobprocstatus=2), JobOutcome(job_id="j", state=JobState.PENDING)),
        (shapes.job(1, jobresultcode=None), JobOutcome(job_id="j", state=JobState.SUCCEEDED)),
    ),
)
def test_jobstatus_alone_decides_how_a_job_stands(reply: dict[str, object], expected: JobOutcome) -> None:
    assert outcome_of("j", reply) == expected


@pytest.mark.parametrize("status", (None, 3, "1", [], {}))
def test_a_reply_without_a_usable_status_is_no_outcome(status: object) -> None:
    assert outcome_of("j", {"jobstatus": status, "jobresultcode": 0}) is None


def test_nothing_of_a_result_is_kept() -> None:
    outcome = outcome_of("j", shapes.success(password="made-up-password"))

    assert outcome is not None
    assert "made-up-password" not in outcome.model_dump_json()
    assert "made-up-password" not in repr(outcome)


@pytest.mark.parametrize("existence", (Existence.UNKNOWN, Existence.EXPUNGED))
def test_a_look_up_has_a_vm_exactly_when_there_is_one(existence: Existence) -> None:
    vm = VirtualMachine.model_validate(shapes.vm())

    with pytest.raises(ValidationError):
        VmLookup(existence=existence, vm=vm)
    with pytest.raises(ValidationError):
        VmLookup(existence=Existence.EXISTS)
