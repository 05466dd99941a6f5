"""An appliance on which guests are converted: its worker, and udev's links to file-backed images."""

import contextlib
import shlex
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from simulators.cloudstack import Fault, FaultKind
from tests.conversion.bench import SIZE, Bench
from tests.support.whole import WholeSite
from tests.support.worker_process import WorkerProcess, environment_of, worker_process

# Refuses a disk that somebody began to convert: it would not come out right.
CONVERTS_A_CLEAN_ONE = """
with open(device, "r+b") as disk:
    if disk.read(4) != bytes(4):
        sys.exit("half converted already")
    disk.seek(0)
    disk.write(b"converted")
"""

# Converts half of it and waits to be killed, unless it was killed once before.
INTERRUPTED_ONCE = (
    """
if not os.path.exists(os.path.join(folder, "begun")):
    with open(device, "r+b") as disk:
        disk.write(b"half")
    note("begun")
    time.sleep(600)
"""
    + CONVERTS_A_CLEAN_ONE
)

FAILS = """
with open(device, "r+b") as disk:
    disk.write(b"half")
sys.exit("no such driver")
"""

WAITS = """
with open(device, "r+b") as disk:
    disk.write(b"half")
note("begun")
time.sleep(600)
"""


@dataclass(frozen=True)
class Appliance:
    """The machine, and the worker on it."""

    bench: Bench
    worker: WorkerProcess

    def image_of(self, volume_id: str) -> Path:
        """The disk as the guest would find it."""
        return _image(self.bench, volume_id)


@contextlib.asynccontextmanager
async def appliance(whole: WholeSite, folder: Path, body: str) -> AsyncIterator[Appliance]:
    """Run the conversion worker beside a site; whatever volume is attached to the appliance gets a device."""
    bench, settings = machine_of(whole, folder, body)
    async with worker_process(folder, environment_of(whole.site, **settings)) as worker:
        await worker.work()
        yield Appliance(bench, worker)


def machine_of(whole: WholeSite, folder: Path, body: str) -> tuple[Bench, dict[str, str]]:
    """Make the appliance's machine, and return it with the settings of a worker on it."""
    folder.mkdir()
    bench = Bench(folder)
    for volume_id in whole.replicas.volume_ids:
        _plug_in(bench, volume_id)
    _watch(whole, bench)
    return bench, {
        "FAILOVER_CONVERSION_APPLIANCE_ID": whole.replicas.appliance.id,
        "FAILOVER_CONVERSION_COMMAND": shlex.join(bench.command(body)),
        "FAILOVER_CONVERSION_DEVICE_DIRECTORY": bench.places.devices,
        "FAILOVER_CONVERSION_LOCK_DIRECTORY": bench.places.locks,
        "FAILOVER_CONVERSION_PATIENCE_SECONDS": "0.2",
        "FAILOVER_CONVERSION_GRACE_SECONDS": "0.3",
        "FAILOVER_SHUTDOWN_SECONDS": "0.3",
    }


def _watch(whole: WholeSite, bench: Bench) -> None:
    """Do as kernel and storage do: a device for what is attached, the old content after a revert."""

    def is_plugged_in(params: Mapping[str, str]) -> bool:
        if params.get("virtualmachineid") == whole.replicas.appliance.id:
            _plug_in(bench, params["id"])
        return False

    def is_reverted(params: Mapping[str, str]) -> bool:
        volume = whole.site.cloud.world.snapshots[params["id"]].volume
        _image(bench, volume.id).write_bytes(bytes(SIZE))
        return False

    whole.site.cloud.faults.add(Fault("attachVolume", FaultKind.INTERNAL, times=None, match=is_plugged_in))
    whole.site.cloud.faults.add(Fault("revertSnapshot", FaultKind.INTERNAL, times=None, match=is_reverted))


def _plug_in(bench: Bench, volume_id: str) -> None:
    if not _image(bench, volume_id).exists():
        bench.add_disk(volume_id, f"{volume_id}.img")


def _image(bench: Bench, volume_id: str) -> Path:
    return bench.folder / f"{volume_id}.img"
