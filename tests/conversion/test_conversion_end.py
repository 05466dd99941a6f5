"""Nothing of the command outlives the conversion, whoever is killed, and the lock is kept until it is so."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from conversion import Interrupted, Leash, LockHeld, NothingWritten
from embedded.environment import child_environment
from tests.conversion.bench import (
    CONVERTS,
    DATA_VOLUME,
    GUEST,
    WRITERS,
    WRITES_FOR_EVER,
    Bench,
    alive,
    all_gone,
    lies_still,
    supervisors,
    until,
)

_STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WRITES_FOR_EVER

_WORKER = """
import asyncio, sys
from conversion import Converter, Guest, Leash, Places

async def renewals():
    while True:
        yield
        await asyncio.sleep(0.05)

devices, locks, volume_id, leash, *command = sys.argv[1:]
converter = Converter(tuple(command), 0.3, 0.0, places=Places(devices=devices, locks=locks))
tied = Leash(float(leash), renewals()) if leash else None
asyncio.run(converter.convert(Guest(volume_id), 60, tied))
"""


@pytest.mark.parametrize("body", (WRITES_FOR_EVER, _STUBBORN), ids=("polite", "stubborn"))
async def test_a_cancel_ends_all_of_it_before_it_returns(bench: Bench, body: str) -> None:
    converting = asyncio.create_task(bench.converter(body, grace=0.3).convert(GUEST, 60))
    pids = await bench.begun(*WRITERS)
    converting.cancel()
    converting.cancel()  # a second one does not cut the end short
    with pytest.raises(asyncio.CancelledError):
        await converting

    assert not [pid for pid in pids if alive(pid)]
    assert bench.written()
    assert lies_still(bench.image)
    assert supervisors() == set()
    assert (await bench.converter(CONVERTS).convert(GUEST, 30)).needed


async def test_a_cancel_while_it_waits_for_the_disk_writes_nothing(bench: Bench) -> None:
    with bench.image.open("rb"):
        converting = asyncio.create_task(bench.converter(CONVERTS, patience=60.0).convert(GUEST, 60))
        await until(supervisors)
        converting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await converting

    assert supervisors() == set()
    assert not bench.written()


async def _worker(bench: Bench, body: str, leash: str = "") -> asyncio.subprocess.Process:
    """Start a worker of its own process, with a leash of so many seconds."""
    where = (bench.places.devices, bench.places.locks, GUEST.volume_id, leash)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _WORKER, *where, *bench.command(body)), env=child_environment(bench.folder)
    )


@pytest.mark.parametrize("body", (WRITES_FOR_EVER, _STUBBORN), ids=("polite", "stubborn"))
async def test_the_death_of_the_worker_ends_all_of_it(bench: Bench, body: str) -> None:
    worker = await _worker(bench, body)
    pids = await bench.begun(*WRITERS)
    worker.kill()
    assert await worker.wait() == -signal.SIGKILL
    await all_gone(pids)

    assert bench.written()
    assert lies_still(bench.image)
    # The supervisor gives the lock back last, so whoever gets it is alone with the disk.
    assert (await bench.converter(CONVERTS, patience=30.0).convert(GUEST, 30)).needed


async def test_nobody_gets_the_lock_before_all_of_it_has_ended(bench: Bench) -> None:
    worker = await _worker(bench, _STUBBORN)
    pids = await bench.begun(*WRITERS)
    worker.kill()
    refused = 0
    while any(alive(pid) for pid in pids):
        try:
            await bench.converter(CONVERTS).convert(GUEST, 30)
        except LockHeld:
            refused += 1
        else:
            assert not [pid for pid in pids if alive(pid)]
    await worker.wait()

    assert refused > 0


async def test_what_a_killed_supervisor_leaves_is_ended_by_the_worker(bench: Bench) -> None:
    converting = asyncio.create_task(bench.converter(_STUBBORN).convert(GUEST, 60))
    pids = await bench.begun(*WRITERS)
    for supervisor in supervisors():
        os.kill(supervisor, signal.SIGKILL)
    with pytest.raises(Interrupted, match="supervisor was lost"):
        await converting
    await all_gone(pids)

    assert lies_still(bench.image)


async def test_the_kernel_ends_the_command_with_its_supervisor(bench: Bench) -> None:
    """Worker and supervisor killed together: whatever left the command's hands keeps the lock."""
    worker = await _worker(bench, WRITES_FOR_EVER)
    pids = await bench.begun(*WRITERS)
    try:
        for supervisor in supervisors(worker.pid):
            worker.send_signal(signal.SIGSTOP)
            os.kill(supervisor, signal.SIGKILL)
        worker.kill()
        await worker.wait()
        await all_gone(pids[:1])
        with pytest.raises(LockHeld):
            await bench.converter(CONVERTS).convert(GUEST, 30)
    finally:
        for pid in pids[1:]:
            os.kill(pid, signal.SIGKILL)
    await all_gone(pids)

    assert (await bench.converter(CONVERTS, patience=30.0).convert(GUEST, 30)).needed


async def test_a_supervisor_that_is_killed_early_has_written_nothing(bench: Bench) -> None:
    with bench.image.open("rb"):
        converting = asyncio.create_task(bench.converter(CONVERTS, patience=60.0).convert(GUEST, 60))
        await until(supervisors)
        for supervisor in supervisors():
            os.kill(supervisor, signal.SIGKILL)
        with pytest.raises(NothingWritten, match="before it began"):
            await converting

    assert not bench.written()


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT, signal.SIGHUP), ids=lambda one: one.name)
async def test_a_supervisor_that_is_told_to_end_ends_the_command_first(
    bench: Bench, number: signal.Signals
) -> None:
    converting = asyncio.create_task(bench.converter(WRITES_FOR_EVER).convert(GUEST, 60))
    pids = await bench.begun(*WRITERS)
    for supervisor in supervisors():
        os.kill(supervisor, number)
    with pytest.raises(Interrupted, match="told to stop"):
        await converting

    assert not [pid for pid in pids if alive(pid)]


async def _renewals(until: asyncio.Event, *, then_ends: bool) -> AsyncIterator[None]:
    while not until.is_set():
        yield
        await asyncio.sleep(0.05)
    if not then_ends:
        await asyncio.Event().wait()


@pytest.mark.parametrize("kind", ("given up", "silent"))
async def test_a_worker_that_lost_its_activity_loses_the_command(bench: Bench, kind: str) -> None:
    """Its process lives on, as when Temporal cannot be reached: the workflow goes on without it."""
    lost = asyncio.Event()
    leash = Leash(1.0, _renewals(lost, then_ends=kind == "given up"))
    converting = asyncio.create_task(bench.converter(WRITES_FOR_EVER).convert(GUEST, 60, leash))
    pids = await bench.begun(*WRITERS)
    lost.set()
    with pytest.raises(
        Interrupted, match="the worker let go" if kind == "given up" else "silent for too long"
    ):
        await converting

    assert not [pid for pid in pids if alive(pid)]


async def test_a_worker_that_stands_still_loses_the_command(bench: Bench) -> None:
    """A stopped process closes no pipe; its silence is heard."""
    worker = await _worker(bench, WRITES_FOR_EVER, leash="1")
    pids = await bench.begun(*WRITERS)
    worker.send_signal(signal.SIGSTOP)
    await all_gone(pids)
    worker.kill()
    await worker.wait()

    assert lies_still(bench.image)


async def test_other_disks_do_not_wait_for_each_other(bench: Bench) -> None:
    other = bench.add_disk(DATA_VOLUME, "data.img")
    first = asyncio.create_task(bench.converter(WRITES_FOR_EVER).convert(GUEST, 60))
    await bench.begun(*WRITERS)

    done = await bench.converter(CONVERTS).convert(type(GUEST)(DATA_VOLUME), 30)

    assert done.device == str(other)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
