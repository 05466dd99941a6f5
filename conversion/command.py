"""The command of a conversion, in a session of its own, with everything that it starts."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Final

from conversion.leash import Leash
from conversion.processes import alone, descendants, die_with, reap, send_to_all

KEPT_BYTES: Final = 8192
"""How much of its output is kept: the end of it."""
_CHUNK = 65536
_TICK = 0.05


class Command:
    """One run of the command. There is one per supervisor.

    Args:
        arguments: Program and arguments.
        environment: All that it is told.
        inherited: Descriptors that it and its children keep open: the locks.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], inherited: Sequence[int]
    ) -> None:
        self._output, theirs = os.pipe()
        os.set_blocking(self._output, False)
        self._said = b""
        self.code: int | None = None
        self._wake, signalled = os.pipe()
        for one in (self._wake, signalled):
            os.set_blocking(one, False)
        signal.set_wakeup_fd(signalled, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        parent = os.getpid()
        self.began = time.monotonic()
        try:
            # A session of its own has no terminal and is a group of its own.
            self._process = subprocess.Popen(  # noqa: S603 - the operator's own command, and no shell
                arguments,
                env=dict(environment),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
                pass_fds=tuple(inherited),
                preexec_fn=lambda: die_with(parent),  # noqa: PLW1509 - the supervisor has one thread
            )
        finally:
            os.close(theirs)

    @property
    def pid(self) -> int:
        """Its process id, which is its group's and its session's too."""
        return self._process.pid

    def wait(self, leash: Leash, seconds: float) -> str:
        """Wait until it has ended; returns why the wait was given up, empty when it ended by itself."""
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            for one in (self._wake, self._output, leash.descriptor):
                selector.register(one, selectors.EVENT_READ)
            while self.code is None:
                leash.listen()
                if leash.broken:
                    return leash.broken
                left = deadline - time.monotonic()
                if left <= 0:
                    return f"it took longer than {seconds:g} s"
                selector.select(left if leash.left is None else min(left, leash.left))
                self._look(selector)
        return ""

    def end(self, grace: float) -> bool:
        """End all that is left of it; returns whether anything was.

        Does not return before the kernel says that nothing is left, however long a process hangs in a disk.

        Args:
            grace: Seconds between SIGTERM and SIGKILL.
        """
        self._reap()
        left = bool(descendants())
        send_to_all(signal.SIGTERM)
        deadline = time.monotonic() + grace
        while not alone():
            if time.monotonic() >= deadline:
                # Again and again: it may have made another one meanwhile.
                send_to_all(signal.SIGKILL)
            time.sleep(_TICK)
            self._drain()
            self._reap()
        self._drain()
        return left

    @property
    def said(self) -> str:
        """The end of what it said, without control characters."""
        text = self._said.decode("utf-8", "replace")
        return "".join(one if one.isprintable() or one == "\n" else " " for one in text).strip()

    def _look(self, selector: selectors.BaseSelector) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, _CHUNK)
        if not self._drain() and self._output in selector.get_map():
            selector.unregister(self._output)  # closed by all who had it, which would wake us for ever
        self._reap()

    def _drain(self) -> bool:
        """Take in its output; returns whether more may come."""
        while True:
            try:
                said = os.read(self._output, _CHUNK)
            except BlockingIOError:
                return True
            if not said:
                return False
            self._said = (self._said + said)[-KEPT_BYTES:]

    def _reap(self) -> None:
        code = reap().get(self.pid)
        if code is not None:
            # Popen must not wait for an id that is no longer ours.
            self.code = self._process.returncode = code
