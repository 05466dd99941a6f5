"""A process of the stack starts, is watched, and never outlives the process that started it."""

import asyncio
import os
import signal
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from embedded.environment import PROJECT_ROOT, child_environment
from embedded.errors import ComponentFailed
from embedded.processes import ManagedProcess


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that ended and that nobody has reaped yet runs no more.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


async def eventually(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.02)


class Part:
    """Makes processes that run a piece of Python, and stops them all at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[ManagedProcess] = []

    async def start(self, code: str, name: str = "sample", grace_seconds: float = 5.0) -> ManagedProcess:
        process = ManagedProcess(
            name,
            [sys.executable, "-c", textwrap.dedent(code)],
            environment=child_environment(self.folder),
            folder=self.folder,
            grace_seconds=grace_seconds,
        )
        self.started.append(process)
        await process.start()
        return process

    async def start_ready(self, code: str, grace_seconds: float = 5.0) -> ManagedProcess:
        marker = self.folder / "ready"
        process = await self.start(code, grace_seconds=grace_seconds)

        async def ready() -> bool:
            return marker.exists()

        await process.wait_ready(ready, timeout_seconds=60)
        return process


@pytest.fixture
async def part(tmp_path: Path) -> AsyncIterator[Part]:
    made = Part(tmp_path)
    yield made
    for process in made.started:
        await process.stop()


READY = "import pathlib, time; pathlib.Path('ready').touch()\n"


async def never() -> bool:
    return False


async def test_a_stopped_process_is_gone(part: Part) -> None:
    process = await part.start_ready(READY + "time.sleep(600)")
    pid = process.pid
    assert is_running(pid)

    await process.stop()

    assert not is_running(pid)


async def test_a_stop_lets_the_process_finish_its_work(part: Part) -> None:
    process = await part.start_ready(
        """
        import pathlib, signal, sys
        def drain(*_):
            print("drained", flush=True)
            sys.exit(0)
        signal.signal(signal.SIGTERM, drain)
        pathlib.Path("ready").touch()
        signal.pause()
        """
    )

    assert await process.stop() == 0
    assert process.log_tail() == "  drained"
    assert await process.stop() == 0


async def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(part: Part) -> None:
    process = await part.start_ready(
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + READY + "time.sleep(600)",
        grace_seconds=0.2,
    )
    pid = process.pid

    assert await process.stop() == 128 + signal.SIGKILL
    assert not is_running(pid)


async def test_what_the_process_started_itself_goes_with_it(part: Part) -> None:
    process = await part.start_ready(
        """
        import pathlib, subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        pathlib.Path("grandchild").write_text(str(child.pid))
        pathlib.Path("ready").touch()
        time.sleep(600)
        """
    )
    grandchild = int((part.folder / "grandchild").read_text())
    assert is_running(grandchild)

    await process.stop()

    await eventually(lambda: not is_running(grandchild))


async def test_a_process_that_ends_while_it_starts_is_reported_with_its_log(part: Part) -> None:
    process = await part.start("print('no such table'); raise SystemExit(3)", name="sample part")

    with pytest.raises(ComponentFailed) as caught:
        await process.wait_ready(never, timeout_seconds=60)

    assert caught.value.component == "sample part"
    assert "ended with exit code 3 while it started" in str(caught.value)
    assert "no such table" in str(caught.value)


async def test_a_process_that_never_gets_ready_is_reported(part: Part) -> None:
    process = await part.start("import time; time.sleep(600)")

    with pytest.raises(ComponentFailed, match=r"was not ready after 0 s.*\n\(it wrote nothing\)"):
        await process.wait_ready(never, timeout_seconds=0.3)


async def test_a_process_that_dies_later_is_reported_with_the_last_lines_of_its_log(part: Part) -> None:
    process = await part.start("[print('line', n) for n in range(40)]; raise SystemExit(4)")

    error = await process.ended()

    assert "ended unexpectedly with exit code 4" in str(error)
    assert error.log_tail.splitlines()[0] == "  line 25"
    assert error.log_tail.splitlines()[-1] == "  line 39"


async def test_a_process_killed_from_outside_is_seen(part: Part) -> None:
    process = await part.start_ready(READY + "time.sleep(600)")

    os.kill(process.pid, signal.SIGKILL)

    assert f"exit code {128 + signal.SIGKILL}" in str(await process.ended())


async def test_the_signal_to_the_tether_reaches_the_process(part: Part) -> None:
    process = await part.start_ready(READY + "time.sleep(600)")
    pid = process.pid
    assert process._process is not None

    process._process.send_signal(signal.SIGTERM)

    await process.ended()
    assert not is_running(pid)


async def test_a_process_gets_no_standard_input_and_only_its_environment(part: Part) -> None:
    process = await part.start(
        "import os, sys; print(repr(sys.stdin.read()), os.environ.get('HOME'), os.getcwd())"
    )

    await process.ended()

    assert process.log_tail() == f"  '' {part.folder} {part.folder}"


async def test_nothing_outlives_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent_code = f"""
    import asyncio, sys
    from pathlib import Path
    from embedded.environment import child_environment
    from embedded.processes import ManagedProcess
    async def main():
        folder = Path({str(tmp_path)!r})
        code = "import pathlib, time; pathlib.Path('ready').touch(); time.sleep(600)"
        process = ManagedProcess(
            "orphan", [sys.executable, "-c", code], environment=child_environment(folder), folder=folder
        )
        await process.start()
        await asyncio.sleep(600)
    asyncio.run(main())
    """
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(parent_code), cwd=PROJECT_ROOT
    )
    await eventually((tmp_path / "ready").exists)
    child = int((tmp_path / "orphan.pid").read_text())
    assert is_running(child)

    parent.kill()
    await parent.wait()

    await eventually(lambda: not is_running(child))


async def test_a_process_that_was_never_started_has_nothing_to_stop(tmp_path: Path) -> None:
    process = ManagedProcess("idle", ["/bin/true"], environment={}, folder=tmp_path)

    assert await process.stop() is None
    assert process.log_tail() == ""
    with pytest.raises(RuntimeError, match="idle has not been started"):
        await process.ended()
