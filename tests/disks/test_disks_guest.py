"""CheckGuest: a command of the site, without a shell and our secrets, and nothing is left of it."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.check_guest import CheckGuestActivities
from activities.messages.disks import CheckGuestRequest
from rules.outcomes import FailoverVm, VerifiedNic
from tests.disks.conftest import run


def _request(seconds: float = 30.0) -> CheckGuestRequest:
    nics = tuple(
        VerifiedNic(device_id=index, network_id="n", ip_address=address)
        for index, address in enumerate(("10.0.0.5", "", "10.0.1.5"))
    )
    return CheckGuestRequest(
        vm=FailoverVm(id="vm-1", name="pgtest1", nics=nics),
        context_id="ctx-1",
        failover_type="test",
        timeout_seconds=seconds,
    )


def _python(code: str) -> CheckGuestActivities:
    return CheckGuestActivities((sys.executable, "-I", "-S", "-c", code))


async def test_without_a_command_nothing_is_claimed() -> None:
    check = await run(CheckGuestActivities(()).check_guest, _request())
    assert (check.configured, check.responds) == (False, False)


async def test_exit_code_0_means_that_it_responds() -> None:
    check = await run(_python("print('pong'); print('from the guest')").check_guest, _request())
    assert (check.configured, check.responds, check.detail) == (True, True, "pong from the guest")


async def test_any_other_exit_code_means_that_it_does_not() -> None:
    check = await run(_python("import sys; sys.exit('no route')").check_guest, _request())
    assert (check.configured, check.responds, check.detail) == (True, False, "exit code 1: no route")


async def test_the_command_gets_the_vm_and_none_of_our_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDSTACK_SECRET", "a secret of the worker")
    monkeypatch.setenv("TEMPORAL_API_KEY", "another one")
    seen = tmp_path / "environment"
    code = f"import os; open({str(seen)!r}, 'w').write(repr(sorted(os.environ.items())))"
    assert (await run(_python(code).check_guest, _request())).responds
    environment = dict(eval(seen.read_text()))  # noqa: S307 - written by ourselves
    ours = {name: value for name, value in environment.items() if name.startswith("FAILOVER_")}
    assert ours == {
        "FAILOVER_VM_NAME": "pgtest1",
        "FAILOVER_VM_ID": "vm-1",
        "FAILOVER_VM_ADDRESSES": "10.0.0.5,10.0.1.5",
        "FAILOVER_CONTEXT_ID": "ctx-1",
        "FAILOVER_TYPE": "test",
    }
    assert set(environment) - set(ours) <= {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ"}


async def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    trap = tmp_path / "made-by-a-shell"
    check = CheckGuestActivities((sys.executable, "-c", "import sys; print(sys.argv[1])", f"; touch {trap}"))
    assert (await run(check.check_guest, _request())).detail == f"; touch {trap}"
    assert not trap.exists()


async def test_a_command_that_is_not_there() -> None:
    check = await run(CheckGuestActivities(("/no/such/program",)).check_guest, _request())
    assert (check.configured, check.responds) == (True, False)
    assert check.detail == "it cannot be started: FileNotFoundError"


async def test_much_output_blocks_nothing_and_only_the_end_is_kept() -> None:
    check = await run(_python("print('x' * 1000000); print('the end')").check_guest, _request())
    assert check.responds
    assert check.detail.endswith("x the end")
    assert len(check.detail) <= 400


_LEAVES_A_CHILD = """
import os, sys, time
child = os.fork()
if child == 0:
    time.sleep(600)
open(sys.argv[1], "w").write(f"{os.getpid()} {child}")
time.sleep(float(sys.argv[2]))
"""


def _with_child(pids: Path, seconds: float) -> CheckGuestActivities:
    return CheckGuestActivities((sys.executable, "-c", _LEAVES_A_CHILD, str(pids), str(seconds)))


async def _ended(pids: Path) -> bool:
    """Whether both processes are gone, or zombies that nobody has waited for."""
    known = pids.read_text().split()  # noqa: ASYNC240 - a few bytes
    async with asyncio.timeout(30):
        while any(_is_alive(int(pid)) for pid in known):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
    return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


async def test_its_time_is_over_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    check = await run(_with_child(pids, 600).check_guest, _request(2.0))
    assert (check.responds, check.detail) == (False, "no answer within 2 s")
    assert await _ended(pids)


async def test_what_it_leaves_behind_is_ended_too(tmp_path: Path) -> None:
    # The child holds the output open: that must not keep us waiting for it.
    pids = tmp_path / "pids"
    check = await run(_with_child(pids, 0).check_guest, _request())
    assert check.responds
    assert await _ended(pids)


async def test_a_cancel_ends_it(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    environment = ActivityEnvironment()
    step = asyncio.create_task(environment.run(_with_child(pids, 600).check_guest, _request()))
    async with asyncio.timeout(30):
        while not (pids.exists() and pids.read_text().count(" ")):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
    environment.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    assert await _ended(pids)
