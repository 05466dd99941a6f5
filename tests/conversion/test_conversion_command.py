"""The configured command at a proven disk: what it gets, what its end means, what keeps it from starting."""

import asyncio
import fcntl
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conversion import (
    CannotConvert,
    CommandFailed,
    ConversionError,
    DeviceHeld,
    DeviceNotFound,
    Guest,
    LockHeld,
    Nic,
    NothingWritten,
    WrongDevice,
)
from conversion.command import KEPT_BYTES
from tests.conversion.bench import (
    CONVERTS,
    DATA_VOLUME,
    GUEST,
    SIGNATURE,
    VOLUME,
    WRITERS,
    WRITES_FOR_EVER,
    Bench,
    alive,
    starts_with,
    supervisors,
)

_TELLS = """
import json
print(json.dumps({"arguments": sys.argv[2:], "environment": dict(os.environ),
                  "folder": os.getcwd(), "input": sys.stdin.read(),
                  "group": os.getpgid(0) == os.getpid() == os.getsid(0)}))
"""
_NICS = (
    Nic(0, "00:50:56:AA:00:01", "192.0.2.17"),
    Nic(1, "00:50:56:aa:00:02"),
    Nic(2, "00:50:56:aa:00:03", "192.0.2.18/24"),
    Nic(3, "00:50:56:aa:00:04", "2001:db8::4"),
)


async def told(bench: Bench, guest: Guest) -> dict[str, Any]:
    """Return what the command was told."""
    done = await bench.converter(_TELLS).convert(guest, 30)
    found: dict[str, Any] = json.loads(done.detail)
    return found


async def test_a_guest_is_converted_on_its_disk(bench: Bench) -> None:
    done = await bench.converter(CONVERTS).convert(GUEST, 30)

    assert bench.image.read_bytes()[: len(SIGNATURE)] == SIGNATURE
    assert (done.device, done.needed, done.detail) == (str(bench.image), True, f"done with {bench.image}")
    assert done.seconds > 0
    assert supervisors() == set()


async def test_a_guest_on_a_real_block_device_is_converted(bench: Bench, loop_device: Path) -> None:
    """Whose command may claim it: the exclusive look of the proof is over by then."""
    bench.plug(DATA_VOLUME, loop_device, DATA_VOLUME.replace("-", "")[:20])
    claims = "os.close(os.open(device, os.O_RDWR | os.O_EXCL))\n"
    done = await bench.converter(claims + CONVERTS).convert(Guest(DATA_VOLUME), 30)

    assert done.device == str(loop_device)
    assert starts_with(loop_device, SIGNATURE)


async def test_a_device_that_only_its_link_names_is_not_written_to(bench: Bench, loop_device: Path) -> None:
    bench.plug(DATA_VOLUME, loop_device, None)

    with pytest.raises(NothingWritten) as raised:
        await bench.converter(CONVERTS).convert(Guest(DATA_VOLUME), 30)

    assert isinstance(raised.value, WrongDevice)
    assert not starts_with(loop_device, SIGNATURE)


async def test_the_command_gets_the_device_last_and_a_mac_for_each_address_that_is_one(bench: Bench) -> None:
    heard = await told(bench, Guest(VOLUME, nics=_NICS))

    assert heard["arguments"] == [
        *("--mac", "00:50:56:aa:00:01:ip:192.0.2.17"),
        *("--mac", "00:50:56:aa:00:04:ip:2001:db8::4"),
        str(bench.image),
    ]
    assert heard["folder"] == "/"
    assert heard["input"] == ""
    assert heard["group"] is True


async def test_the_command_gets_the_plan_of_all_nics(bench: Bench) -> None:
    data = bench.add_disk(DATA_VOLUME, "data.img")
    heard = (await told(bench, Guest(VOLUME, (DATA_VOLUME,), _NICS)))["environment"]

    assert json.loads(heard["FAILOVER_NIC_PLAN"]) == [
        {"order": 0, "source_mac": "00:50:56:AA:00:01", "address": "192.0.2.17"},
        {"order": 1, "source_mac": "00:50:56:aa:00:02", "address": ""},
        {"order": 2, "source_mac": "00:50:56:aa:00:03", "address": "192.0.2.18/24"},
        {"order": 3, "source_mac": "00:50:56:aa:00:04", "address": "2001:db8::4"},
    ]
    assert heard["FAILOVER_VOLUME_ID"] == VOLUME
    assert heard["FAILOVER_DEVICE"] == str(bench.image)
    assert json.loads(heard["FAILOVER_DATA_DEVICES"]) == [str(data)]


async def test_no_secret_of_the_worker_reaches_the_command(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TEMPORAL_API_KEY", "CLOUDSTACK_SECRET", "VMA_VCENTER_PASSWORD", "FAILOVER_DATABASE_URL",
                 "MIGRATEKIT_CRED_ENCRYPTION_KEY", "AWS_SECRET_ACCESS_KEY", "PYTHONSTARTUP"):  # fmt: skip
        monkeypatch.setenv(name, "zq9-never-shown")
    monkeypatch.setenv("LIBGUESTFS_BACKEND", "direct")
    heard = (await told(bench, GUEST))["environment"]

    assert "zq9-never-shown" not in str(heard)
    assert heard["LIBGUESTFS_BACKEND"] == "direct"
    assert {name for name in heard if name.startswith(("FAILOVER_", "PYTHON"))} == {
        "FAILOVER_VOLUME_ID", "FAILOVER_DEVICE", "FAILOVER_DATA_DEVICES", "FAILOVER_NIC_PLAN",
    }  # fmt: skip


async def test_a_guest_that_boots_as_it_is_is_a_success(bench: Bench) -> None:
    converter = bench.converter("print('a Linux with virtio drivers'); sys.exit(3)", not_needed_code=3)
    done = await converter.convert(GUEST, 30)

    assert (done.needed, done.detail) == (False, "a Linux with virtio drivers")
    assert not bench.written()


@pytest.mark.parametrize(
    ("body", "why"),
    (
        ("print('no root device'); sys.exit(1)", "ended with code 1: no root device"),
        ("print('a'); print('b', file=sys.stderr); sys.exit(3)", "code 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "ended with signal 9"),
        ("raise SystemExit('\\x1b[31mred')", "code 1: .*31mred"),
    ),
    ids=("code", "the other code", "signal", "control characters"),
)
async def test_any_other_end_is_a_failure_that_may_have_written(bench: Bench, body: str, why: str) -> None:
    with pytest.raises(CommandFailed, match=why) as caught:
        await bench.converter(body).convert(GUEST, 30)

    assert str(caught.value).isprintable()


async def test_the_end_of_a_long_output_is_kept(bench: Bench) -> None:
    done = await bench.converter("print('x' * 300000); print('the end')").convert(GUEST, 30)

    assert done.detail.endswith("xx\nthe end")
    assert len(done.detail) < KEPT_BYTES


async def test_a_command_that_takes_too_long_is_ended_with_all_its_processes(bench: Bench) -> None:
    with pytest.raises(CommandFailed, match=r"longer than 0\.5 s"):
        await bench.converter(WRITES_FOR_EVER).convert(GUEST, 0.5)

    assert not [pid for pid in await bench.begun(*WRITERS) if alive(pid)]


async def test_a_command_that_ignores_sigterm_is_killed(bench: Bench) -> None:
    stubborn = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WRITES_FOR_EVER
    with pytest.raises(CommandFailed, match="longer than"):
        await bench.converter(stubborn, grace=0.2).convert(GUEST, 0.5)

    assert not [pid for pid in await bench.begun(*WRITERS) if alive(pid)]


_LEAVES = """
if os.fork() == 0:
    os.setsid()
    if {keeps}:
        disk = open(device, "r+b")
    os.close(1), os.close(2)
    note("left")
    signal.pause()
while not os.path.exists(os.path.join(folder, "left")):
    time.sleep(0.005)
"""


async def test_a_daemon_that_the_command_leaves_behind_is_ended(bench: Bench) -> None:
    done = await bench.converter(_LEAVES.format(keeps=False)).convert(GUEST, 30)

    assert done.needed
    assert not alive(*await bench.begun("left"))


async def test_one_that_still_has_the_disk_spoils_the_conversion(bench: Bench) -> None:
    with pytest.raises(CommandFailed, match="left a process behind"):
        await bench.converter(_LEAVES.format(keeps=True)).convert(GUEST, 30)

    assert not alive(*await bench.begun("left"))


async def test_an_export_that_has_the_disk_keeps_the_command_from_starting(bench: Bench) -> None:
    with bench.image.open("rb"), pytest.raises(DeviceHeld, match="open in process"):
        await bench.converter(CONVERTS).convert(GUEST, 30)

    assert not bench.written()


async def test_one_that_has_a_data_disk_does_so_too(bench: Bench) -> None:
    data = bench.add_disk(DATA_VOLUME, "data.img")
    with data.open("rb"), pytest.raises(DeviceHeld, match=r"data\.img"):
        await bench.converter(CONVERTS).convert(Guest(VOLUME, (DATA_VOLUME,)), 30)

    assert not bench.written()


async def test_what_passes_is_waited_for(bench: Bench) -> None:
    """A link that comes late, an export that goes, a lock that is given back."""
    link = next((bench.folder / "by-id").iterdir())
    target = link.readlink()
    link.unlink()
    lock = (bench.folder / "locks" / f"failover-conversion-{VOLUME}.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    held = bench.image.open("rb")
    converting = asyncio.create_task(bench.converter(CONVERTS, patience=30.0).convert(GUEST, 30))
    steps: tuple[Callable[[], None], ...] = (lambda: link.symlink_to(target), held.close, lock.close)
    for passes in steps:
        await asyncio.sleep(0.05)
        assert not bench.written()
        passes()

    assert (await converting).needed
    assert bench.written()


async def test_one_conversion_is_at_a_disk(bench: Bench) -> None:
    first = asyncio.create_task(bench.converter(WRITES_FOR_EVER).convert(GUEST, 30))
    await bench.begun(*WRITERS)
    with pytest.raises(LockHeld, match=VOLUME):
        await bench.converter(CONVERTS).convert(Guest(VOLUME.upper()), 30)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first

    assert (await bench.converter(CONVERTS).convert(GUEST, 30)).needed


@pytest.mark.parametrize("volume_id", ("", "../../etc/passwd", f"{VOLUME}x", VOLUME.replace("-", "")))
async def test_an_id_that_is_no_uuid_becomes_no_file(bench: Bench, volume_id: str) -> None:
    with pytest.raises(WrongDevice, match="no uuid"):
        await bench.converter(CONVERTS).convert(Guest(volume_id), 30)

    assert list((bench.folder / "locks").iterdir()) == []


async def test_a_lock_file_that_is_a_link_is_not_followed(bench: Bench) -> None:
    (bench.folder / "locks" / f"failover-conversion-{VOLUME}.lock").symlink_to(bench.image)
    with pytest.raises(CannotConvert, match="no lock"):
        await bench.converter(CONVERTS).convert(GUEST, 30)


async def test_a_disk_that_is_not_here_is_named(bench: Bench) -> None:
    with pytest.raises(DeviceNotFound, match=DATA_VOLUME):
        await bench.converter(CONVERTS).convert(Guest(DATA_VOLUME), 30)


@pytest.mark.parametrize(
    ("changes", "why"),
    (
        ({"command": ("no-such-program-zq9", "-i")}, "no program no-such-program-zq9"),
        ({"command": ("/etc/passwd",)}, "no program /etc/passwd"),
        ({"devices": "/nowhere/by-id"}, "no directory /nowhere/by-id"),
        ({"locks": "/nowhere/lock"}, "no lock can be made in /nowhere/lock"),
    ),
    ids=("no program", "not executable", "no devices", "no locks"),
)
async def test_a_machine_that_cannot_convert_says_why_and_does_not_try(
    bench: Bench, changes: dict[str, Any], why: str
) -> None:
    converter = bench.converter(CONVERTS)
    assert converter.problem() == ""
    if "command" in changes:
        converter = replace(converter, **changes)
    else:
        converter = replace(converter, places=replace(bench.places, **changes))

    assert why in converter.problem()
    with pytest.raises(NothingWritten):
        await converter.convert(GUEST, 30)
    assert not bench.written()


def test_a_worker_that_is_not_root_cannot_see_who_has_a_disk(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = replace(bench.converter(CONVERTS), places=replace(bench.places, devices="/dev"))
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert "as root" in real.problem()


async def test_a_program_that_cannot_be_started_has_written_nothing(bench: Bench) -> None:
    program = bench.folder / "broken"
    program.write_text("#!/no/such/interpreter\n", encoding="ascii")
    program.chmod(0o755)
    with pytest.raises(CannotConvert, match="cannot be started"):
        await replace(bench.converter(CONVERTS), command=(str(program),)).convert(GUEST, 30)


async def test_every_failure_says_whether_it_may_have_written() -> None:
    kinds = [ConversionError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    leaves = [kind for kind in kinds if not kind.__subclasses__()]

    assert len(leaves) == 7
    assert {kind.__mro__[1].__name__ for kind in leaves} == {"NothingWritten", "MayHaveWritten"}
