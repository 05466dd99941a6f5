"""What ties the supervisor to its worker: a pipe, and words on it that come in time."""

import os
import time

_CHUNK = 4096


class Leash:
    """The end of the pipe that the worker writes to: first the order as one line, then a byte now and then.

    Args:
        descriptor: Where to read.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._seconds: float | None = None
        self._heard = time.monotonic()
        self._gone = False
        self._told = False

    def read_line(self) -> bytes | None:
        """Wait for the order; None when the worker went away before it had said all of it."""
        line = b""
        while not line.endswith(b"\n"):
            # One byte at a time: what follows the line is not part of it. It is short, and read once.
            byte = os.read(self.descriptor, 1)
            if not byte:
                return None
            line += byte
        return line

    def tighten(self, seconds: float | None) -> None:
        """From now on the worker must be heard within so many seconds; None: it must only be there."""
        self._seconds = seconds
        self._heard = time.monotonic()
        os.set_blocking(self.descriptor, False)

    def stop(self) -> None:
        """Take it that the worker wants an end, as after a signal."""
        self._told = True

    def listen(self) -> None:
        """Take in what the worker wrote, without waiting."""
        while not self._gone:
            try:
                said = os.read(self.descriptor, _CHUNK)
            except BlockingIOError:
                return
            if said:
                self._heard = time.monotonic()
            else:
                self._gone = True

    @property
    def broken(self) -> str:
        """Why there is no going on; empty as long as there is."""
        if self._told:
            return "told to stop"
        if self._gone:
            return "the worker let go"
        if self.left == 0:
            return "the worker was silent for too long"
        return ""

    @property
    def left(self) -> float | None:
        """For how long the silence may last from now; None: for ever."""
        if self._seconds is None:
            return None
        return max(0.0, self._heard + self._seconds - time.monotonic())
