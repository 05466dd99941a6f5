"""Run one command for as long as the process at the other end of standard input lives.

Usage: ``python -I tether.py GRACE_SECONDS PID_FILE COMMAND [ARGUMENT ...]``

The stack starts each of its parts through this script and keeps the write end of its standard input open.
When that end closes, because the stack asks for the part to stop or because the stack was killed with
SIGKILL and could ask for nothing, the command's whole process group gets SIGTERM, and SIGKILL after the
grace. A pipe works on every Unix, where a parent-death signal is Linux's alone and forgets grandchildren.

The command runs in a session of its own, so a Ctrl-C in the terminal reaches the stack only, which then stops
its parts in the right order. Only the standard library is imported: the start costs a few milliseconds.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        # Nobody is left in the group (macOS answers EPERM when only a zombie is).
        return


def main(arguments: list[str]) -> int:
    """Run the command to its end and return its exit code (128 + n when signal n ended it)."""
    grace, pid_file, command = float(arguments[0]), Path(arguments[1]), arguments[2:]
    child = subprocess.Popen(  # noqa: S603 - the stack itself gives the command
        command, stdin=subprocess.DEVNULL, start_new_session=True
    )
    pid_file.write_text(str(child.pid))
    stopping = threading.Event()

    def stop_group() -> None:
        if stopping.is_set():
            return
        stopping.set()
        _signal_group(child.pid, signal.SIGTERM)
        time.sleep(grace)
        _signal_group(child.pid, signal.SIGKILL)

    def stop_when_the_pipe_closes() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        stop_group()

    def stop_on_signal(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=stop_group, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop_on_signal)
    threading.Thread(target=stop_when_the_pipe_closes, daemon=True).start()

    code = child.wait()
    # What the command left behind in its group must not outlive it.
    _signal_group(child.pid, signal.SIGKILL)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.stdout.flush()
    os._exit(main(sys.argv[1:]))  # the reading thread may sit in read(): a normal exit could wait for it
