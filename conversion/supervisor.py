"""Between the worker and the command: ``python -m conversion.supervisor``, one process per conversion.

It proves the device, holds the lock, runs the command, and ends all of it when the worker lets go of the
pipe. A worker that was killed lets go of it too: the kernel closes the pipe.

It reads an order (``conversion.order``) from standard input and writes one JSON object per line: ``begun``
right before the command is started, ``running``, then ``refused`` or ``ended``. Without ``begun`` nothing was
written to the disk.
"""

import json
import os
import shutil
import signal
import sys
import time
from contextlib import ExitStack
from typing import Any

from conversion.command import Command
from conversion.devices import Device, open_device
from conversion.errors import CannotConvert, DeviceHeld, DeviceNotFound, LockHeld, NothingWritten
from conversion.holders import has_open, holders_of
from conversion.leash import Leash
from conversion.locks import release, take_locks
from conversion.order import Order, arguments, environment
from conversion.processes import adopt_orphans, descendants

_TICK = 0.1
_PASSING = (DeviceNotFound, DeviceHeld, LockHeld)
"""udev makes links late and looks into new disks; what is left of a lost conversion takes a while to end."""


class WorkerGone(Exception):
    """Nobody waits for this conversion any more, and nothing was begun."""


def main() -> int:
    """Carry out one order."""
    leash = Leash(sys.stdin.fileno())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: leash.stop())
    line = leash.read_line()
    if line is None:
        return 0
    order = Order.from_line(line)
    leash.tighten(order.leash)
    adopt_orphans()
    with ExitStack() as held:
        try:
            locks, devices = _take(order, leash, held)
            _run(order, leash, locks, devices)
        except NothingWritten as refusal:
            _say(event="refused", kind=refusal.kind, reason=str(refusal))
        except WorkerGone:
            return 0
    return 0


def _take(order: Order, leash: Leash, held: ExitStack) -> tuple[list[int], list[Device]]:
    """Lock the volumes and prove their devices, with patience for what passes."""
    deadline = time.monotonic() + order.patience
    while True:
        with ExitStack() as trial:
            try:
                locks = take_locks(order.volume_ids, order.places.locks)
                trial.callback(release, locks)
                devices = _prove(order, trial)
            except _PASSING:
                if time.monotonic() >= deadline:
                    raise
            else:
                held.push(trial.pop_all())
                return locks, devices
        _wait(leash)


def _prove(order: Order, trial: ExitStack) -> list[Device]:
    devices = []
    for volume_id in order.volume_ids:
        device = open_device(volume_id, order.places)
        trial.callback(device.close)
        devices.append(device)
    for device in devices:
        if holders := holders_of(device, order.places):
            raise DeviceHeld(f"{device.path} is {'; '.join(holders[:3])}")
    return devices


def _wait(leash: Leash) -> None:
    time.sleep(_TICK)
    leash.listen()
    if leash.broken:
        raise WorkerGone


def _run(order: Order, leash: Leash, locks: list[int], devices: list[Device]) -> None:
    boot, *data = (device.path for device in devices)
    surroundings = environment(order, boot, data, os.environ)
    if shutil.which(order.command[0], path=surroundings.get("PATH")) is None:
        raise CannotConvert(f"no program {order.command[0]}")
    leash.listen()
    if leash.broken:
        raise WorkerGone
    if not _say(event="begun", device=boot):
        raise WorkerGone  # it could not be told, so it must be true that nothing was begun
    try:
        command = Command(arguments(order, boot), surroundings, locks)
    except OSError as error:
        raise CannotConvert(f"{order.command[0]} cannot be started ({type(error).__name__})") from None
    _say(event="running", pid=command.pid)
    reason = command.wait(leash, order.timeout)
    stopped = bool(reason and leash.broken)
    seconds = time.monotonic() - command.began
    writers = [pid for pid in descendants() if any(has_open(pid, one) for one in devices)]
    # Who is silent has to be rid of the command before the server gives it up: half of the leash is for that.
    left = command.end(order.grace if order.leash is None else min(order.grace, order.leash / 2))
    _say(
        event="ended",
        code=command.code,
        reason=reason,
        stopped=stopped,
        left=left,
        writers=len(writers),
        seconds=round(seconds, 3),
        detail=command.said,
    )


def _say(**what: Any) -> bool:  # noqa: ANN401 - whatever JSON can hold
    try:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()
    except OSError:
        return False  # the worker is gone: the end of the command does not depend on who hears of it
    return True


if __name__ == "__main__":
    code = main()
    # What could not be said to a worker that is gone must not become an error of the interpreter's end.
    os._exit(code)
