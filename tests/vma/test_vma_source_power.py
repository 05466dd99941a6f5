"""The activities on the source's power: what is read decides, whatever the agent said or did not say."""

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import insert
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.messages.source_power import (
    PowerOffReply,
    PowerOffRequest,
    PowerQuery,
    PowerState,
    SourcePower,
)
from activities.source_power import SourcePowerActivities
from database import CredentialRepository, Database, migrate
from database.tables import vmware_credentials
from rules.context import VMContext
from rules.errors import FailoverErrorType as ErrorType
from simulators.vma import VmaSimulator, sample
from tests.vma.odd_agent import OddAgent, Reply
from vma import VmaClient

CONTEXT = VMContext(
    context_id="ctx-pgtest1",
    vm_name="pgtest1",
    vmware_vm_id=sample.PGTEST1_ID,
    vcenter_host=sample.VCENTER_HOST,
    datacenter=sample.DATACENTER,
    credential_id=7,
)
QUERY = PowerQuery(context=CONTEXT)
ELSEWHERE = "the-password-of-another-site"


@pytest.fixture(scope="module")
async def credentials(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CredentialRepository]:
    """The VM's own credential, and a default one that is another site's; nobody changes them."""
    url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('power') / 'site.db'}"
    await migrate(url)
    database = await Database.open(url, pool_size=1)
    rows = (
        (1, "elsewhere", "other.example", ELSEWHERE, 1),
        (7, "own", sample.VCENTER_HOST, sample.VCENTER_PASSWORD, 0),
    )
    async with database.write() as connection:
        for number, name, host, password, default in rows:
            await connection.execute(
                insert(vmware_credentials).values(
                    id=number,
                    credential_name=name,
                    vcenter_host=host,
                    username=sample.VCENTER_USERNAME,
                    password_encrypted=f"TEMP_PLAINTEXT_{password}",
                    datacenter=sample.DATACENTER,
                    is_default=default,
                )
            )
    yield CredentialRepository(database)
    await database.close()


@pytest.fixture
def steps(client: VmaClient, credentials: CredentialRepository) -> SourcePowerActivities:
    return SourcePowerActivities(client, credentials)


@pytest.fixture
def where() -> ActivityEnvironment:
    return ActivityEnvironment()


def off_request(*, force: bool = False, seconds: float = 5) -> PowerOffRequest:
    return PowerOffRequest(context=CONTEXT, force=force, timeout_seconds=seconds)


def posts(simulator: VmaSimulator) -> list[str]:
    return [call.path.rpartition("/")[2] for call in simulator.calls if call.method == "POST"]


def reads(simulator: VmaSimulator) -> int:
    return len([call for call in simulator.calls if call.path.endswith("/power-state")])


@pytest.mark.parametrize(
    ("of_vm", "state", "tools", "has_tools"),
    (
        ("poweredOn", PowerState.ON, "toolsOk", True),
        ("poweredOff", PowerState.OFF, "toolsNotRunning", False),
        ("suspended", PowerState.SUSPENDED, "toolsNotRunning", False),
    ),
)
async def test_what_is_read(
    simulator: VmaSimulator,
    steps: SourcePowerActivities,
    where: ActivityEnvironment,
    *,
    of_vm: str,
    state: PowerState,
    tools: str,
    has_tools: bool,
) -> None:
    simulator.vm(sample.PGTEST1_ID).power_state = of_vm

    power = await where.run(steps.read_source_power, QUERY)

    assert (power.state, power.tools_status, power.has_tools) == (state, tools, has_tools)
    assert power.observed_at is not None
    assert posts(simulator) == []


async def _agent_down(simulator: VmaSimulator) -> None:
    await simulator.stop()


async def _vcenter_down(simulator: VmaSimulator) -> None:
    simulator.set_vcenter_down(sample.VCENTER_HOST)


async def _vm_gone(simulator: VmaSimulator) -> None:
    simulator.vcenters[sample.VCENTER_HOST].vms.clear()


async def _password_changed(simulator: VmaSimulator) -> None:
    simulator.vcenters[sample.VCENTER_HOST].password = "another"


async def _odd_state(simulator: VmaSimulator) -> None:
    simulator.vm(sample.PGTEST1_ID).power_state = "standBy"


async def _lost(simulator: VmaSimulator) -> None:
    # Over an old connection aiohttp sends a question once more by itself, which does no harm.
    simulator.lose("power-state", times=2)


SILENT = (
    pytest.param(_agent_down, "The VMware agent does not answer", id="agent down"),
    pytest.param(_vcenter_down, "the agent's vCenter does not answer", id="vCenter down"),
    pytest.param(_vm_gone, "does not prove that it is gone", id="404"),
    pytest.param(_password_changed, "vCenter refuses the credential", id="wrong password"),
    pytest.param(_odd_state, "a power state that is not known", id="a new state"),
    pytest.param(_lost, "The VMware agent does not answer", id="answer lost"),
)
_Event = Callable[[VmaSimulator], Awaitable[None]]


@pytest.mark.parametrize(("happens", "reason"), SILENT)
async def test_nobody_can_say_is_an_answer_and_nothing_is_switched(
    simulator: VmaSimulator,
    steps: SourcePowerActivities,
    where: ActivityEnvironment,
    *,
    happens: _Event,
    reason: str,
) -> None:
    await happens(simulator)
    power = await where.run(steps.read_source_power, QUERY)
    assert (power.state, power.observed_at, power.tools_status) == (PowerState.UNREACHABLE, None, "")
    assert reason in power.reason

    await happens(simulator)
    reply = await where.run(steps.power_off_source, off_request(force=True))
    assert (reply.power.state, reply.shutdown_method) == (PowerState.UNREACHABLE, "")
    await happens(simulator)
    assert (await where.run(steps.power_on_source, QUERY)).state is PowerState.UNREACHABLE
    assert posts(simulator) == []


async def test_a_source_that_returns_is_read_again(
    simulator: VmaSimulator, steps: SourcePowerActivities, where: ActivityEnvironment
) -> None:
    port = int(simulator.url.rpartition(":")[2])
    await simulator.stop()
    assert (await where.run(steps.read_source_power, QUERY)).state is PowerState.UNREACHABLE

    await simulator.start(port)

    assert (await where.run(steps.read_source_power, QUERY)).state is PowerState.ON


@pytest.mark.parametrize(
    ("tools_installed", "force", "method"),
    ((True, False, "graceful"), (True, True, "forced"), (False, False, "forced")),
)
async def test_it_is_switched_off_once_and_read_again(
    simulator: VmaSimulator,
    steps: SourcePowerActivities,
    where: ActivityEnvironment,
    *,
    tools_installed: bool,
    force: bool,
    method: str,
) -> None:
    simulator.vm(sample.PGTEST1_ID).tools_installed = tools_installed

    reply = await where.run(steps.power_off_source, off_request(force=force))

    assert (reply.power.state, reply.shutdown_method) == (PowerState.OFF, method)
    assert (posts(simulator), reads(simulator)) == (["power-off"], 2)
    assert [call.force for call in simulator.calls if call.method == "POST"] == [force]


async def test_one_that_is_off_is_left_alone(
    simulator: VmaSimulator, steps: SourcePowerActivities, where: ActivityEnvironment
) -> None:
    simulator.vm(sample.PGTEST1_ID).power_state = "poweredOff"

    reply = await where.run(steps.power_off_source, off_request())

    assert (reply.power.state, reply.shutdown_method) == (PowerState.OFF, "already-off")
    assert posts(simulator) == []


async def test_a_suspended_one_is_not_off_until_the_plug_is_pulled(
    simulator: VmaSimulator, steps: SourcePowerActivities, where: ActivityEnvironment
) -> None:
    simulator.vm(sample.PGTEST1_ID).power_state = "suspended"

    gentle = await where.run(steps.power_off_source, off_request())
    assert (gentle.power.state, gentle.shutdown_method) == (PowerState.SUSPENDED, "")
    forced = await where.run(steps.power_off_source, off_request(force=True))
    assert (forced.power.state, forced.shutdown_method) == (PowerState.OFF, "forced")


async def test_a_guest_that_takes_its_time_is_on_until_it_is_read_as_off(
    simulator: VmaSimulator, steps: SourcePowerActivities, where: ActivityEnvironment
) -> None:
    simulator.vm(sample.PGTEST1_ID).shutdown_looks = 3

    reply = await where.run(steps.power_off_source, off_request())
    assert reply.power.state is PowerState.ON
    seen = [(await where.run(steps.read_source_power, QUERY)).state for _ in range(3)]

    assert seen == [PowerState.ON, PowerState.OFF, PowerState.OFF]


async def test_a_guest_that_ignores_the_request_goes_down_by_force_only(
    simulator: VmaSimulator, steps: SourcePowerActivities, where: ActivityEnvironment
) -> None:
    simulator.vm(sample.PGTEST1_ID).shutdown_looks = None

    for _ in range(2):
        assert (await where.run(steps.power_off_source, off_request())).power.state is PowerState.ON
    forced = await where.run(steps.power_off_source, off_request(force=True))

    assert (forced.power.state, forced.shutdown_method) == (PowerState.OFF, "forced")


@pytest.mark.parametrize(("effect", "state"), ((True, PowerState.OFF), (False, PowerState.ON)))
async def test_a_lost_reply_to_the_power_off_is_read_after(
    simulator: VmaSimulator,
    steps: SourcePowerActivities,
    where: ActivityEnvironment,
    *,
    effect: bool,
    state: PowerState,
) -> None:
    simulator.lose("power-off", effect=effect)

    reply = await where.run(steps.power_off_source, off_request())

    assert (reply.power.state, reply.shutdown_method) == (state, "")
    assert posts(simulator) == ["power-off"]


async def test_a_success_that_is_not_true_does_not_count(
    odd_agent: OddAgent,
    odd_client: VmaClient,
    credentials: CredentialRepository,
    where: ActivityEnvironment,
) -> None:
    # One body for each question: it says off as a success, and on as a state.
    odd_agent.reply = Reply(
        b'{"success": true, "new_state": "poweredOff", "shutdown_method": "by magic", '
        b'"power_state": "poweredOn"}'
    )

    reply = await where.run(SourcePowerActivities(odd_client, credentials).power_off_source, off_request())

    assert (reply.power.state, reply.shutdown_method) == (PowerState.ON, "")


async def test_a_tools_status_that_is_no_word_does_not_get_further(
    odd_agent: OddAgent,
    odd_client: VmaClient,
    credentials: CredentialRepository,
    where: ActivityEnvironment,
) -> None:
    odd_agent.reply = Reply(b'{"power_state": "POWEREDON", "tools_status": "\\u001b[31m"}')

    power = await where.run(SourcePowerActivities(odd_client, credentials).read_source_power, QUERY)

    assert (power.state, power.tools_status) == (PowerState.ON, "")


@pytest.mark.parametrize("before", ("poweredOff", "suspended"))
async def test_it_is_switched_on_and_read_again(
    simulator: VmaSimulator, steps: SourcePowerActivities, where: ActivityEnvironment, before: str
) -> None:
    simulator.vm(sample.PGTEST1_ID).power_state = before

    for _ in range(2):
        assert (await where.run(steps.power_on_source, QUERY)).state is PowerState.ON
    assert posts(simulator) == ["power-on"]


@pytest.mark.parametrize(("effect", "state"), ((True, PowerState.ON), (False, PowerState.OFF)))
async def test_a_lost_reply_to_the_power_on_is_read_after(
    simulator: VmaSimulator,
    steps: SourcePowerActivities,
    where: ActivityEnvironment,
    *,
    effect: bool,
    state: PowerState,
) -> None:
    simulator.vm(sample.PGTEST1_ID).power_state = "poweredOff"
    simulator.lose("power-on", effect=effect)

    assert (await where.run(steps.power_on_source, QUERY)).state is state


@pytest.mark.parametrize("operation", ("power-off", "power-on"))
async def test_a_cancel_while_the_agent_works_waits_for_what_comes_of_it(
    simulator: VmaSimulator, steps: SourcePowerActivities, where: ActivityEnvironment, operation: str
) -> None:
    vm = simulator.vm(sample.PGTEST1_ID)
    vm.power_state = "poweredOn" if operation == "power-off" else "poweredOff"
    held = simulator.hold(operation, effect=False)
    running: asyncio.Task[PowerOffReply | SourcePower]
    if operation == "power-off":
        running = asyncio.create_task(where.run(steps.power_off_source, off_request()))
    else:
        running = asyncio.create_task(where.run(steps.power_on_source, QUERY))
    await held.arrived.wait()
    where.cancel()
    held.released.set()

    answer = await running
    power = answer.power if isinstance(answer, PowerOffReply) else answer
    assert power.state is (PowerState.OFF if operation == "power-off" else PowerState.ON)


# The credential


async def failure_of(what: Awaitable[object]) -> ApplicationError:
    with pytest.raises(ApplicationError) as caught:
        await what
    return caught.value


@pytest.mark.parametrize("credential_id", (None, 9))
async def test_without_a_credential_of_its_own_nobody_is_asked(
    simulator: VmaSimulator,
    steps: SourcePowerActivities,
    where: ActivityEnvironment,
    credential_id: int | None,
) -> None:
    # The default credential is another vCenter's, and is sent to nobody else (original-system.md, defect 27).
    context = CONTEXT.model_copy(update={"credential_id": credential_id})
    calls: tuple[Awaitable[object], ...] = (
        where.run(steps.read_source_power, PowerQuery(context=context)),
        where.run(steps.power_off_source, off_request().model_copy(update={"context": context})),
        where.run(steps.power_on_source, PowerQuery(context=context)),
    )

    for call in calls:
        error = await failure_of(call)
        assert (error.type, error.non_retryable) == (ErrorType.CONFIGURATION_ERROR, True)
    assert simulator.calls == []


async def test_the_workers_own_credential_wins(
    simulator: VmaSimulator, client: VmaClient, credentials: CredentialRepository, where: ActivityEnvironment
) -> None:
    simulator.vcenters[sample.VCENTER_HOST].password = "of the worker"
    own = SourcePowerActivities(client, credentials, (sample.VCENTER_USERNAME, "of the worker"))

    assert (await where.run(own.read_source_power, QUERY)).state is PowerState.ON


async def test_no_credential_is_in_a_log_or_an_answer(
    simulator: VmaSimulator,
    steps: SourcePowerActivities,
    where: ActivityEnvironment,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers: list[object] = []
    with caplog.at_level(logging.DEBUG):
        for operation in ("power-state", "power-off", "power-state", "power-on"):
            simulator.lose(operation)
            answers.append(await where.run(steps.power_off_source, off_request()))
            answers.append(await where.run(steps.power_on_source, QUERY))
        simulator.vcenters[sample.VCENTER_HOST].password = "another"
        answers.append(await where.run(steps.read_source_power, QUERY))

    said = caplog.text + "".join(capsys.readouterr()) + repr(answers)
    assert "source_power_off_unclear" in said
    for secret in (sample.VCENTER_PASSWORD, ELSEWHERE, sample.VCENTER_USERNAME):
        assert secret not in said
        assert secret not in repr([dataclasses.asdict(call) for call in simulator.calls])
