"""An HTTP server on a port that it keeps, for simulators that go down and come back."""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

_LONGEST_LINE = 4 * 1024 * 1024
"""In bytes: the simulators answer an over-long URI themselves."""
_SHUTDOWN_SECONDS = 0.1
"""Nothing is left to wait for by then; aiohttp takes 0 for no limit."""


class PortTakenError(OSError):
    """Another process listens on the port already."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"port {port} of {host} is taken")
        self.host = host
        self.port = port


class Listener:
    """Serves an application, and can refuse connections for a while without giving the port away.

    Args:
        build: Makes the application; called again for every start, since one cannot be run twice.
    """

    def __init__(self, build: Callable[[], web.Application]) -> None:
        self._build = build
        self._runner: web.AppRunner | None = None
        self._placeholder: socket.socket | None = None
        self._under_way: set[asyncio.Task[object]] = set()
        self.host = ""
        self.port = 0

    @property
    def listening(self) -> bool:
        """Whether it accepts connections."""
        return self._runner is not None

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 is any free one, which ``port`` tells afterwards.

        Raises:
            PortTakenError: Somebody else listens there.
        """
        application = self._build()
        application.middlewares.append(_watching(self._under_way))
        runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=_SHUTDOWN_SECONDS,
            max_line_size=_LONGEST_LINE,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, reuse_address=True).start()
        except OSError as error:
            await runner.cleanup()
            raise PortTakenError(host, port) from error
        self._release()
        self._runner = runner
        self.host, self.port = host, int(runner.addresses[0][1])

    async def refuse(self) -> None:
        """Drop every connection and refuse new ones, the port stays ours."""
        await self._drop()
        self._placeholder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._placeholder.bind((self.host, self.port))

    async def stop(self) -> None:
        """Drop every connection and give the port back."""
        await self._drop()
        self._release()

    async def _drop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is None:
            return
        for task in self._under_way:
            task.cancel()
        if runner.server is not None:
            for connection in list(runner.server.connections):
                if connection.transport is not None:
                    connection.transport.abort()
        with contextlib.suppress(ConnectionError):
            await runner.cleanup()

    def _release(self) -> None:
        if self._placeholder is not None:
            self._placeholder.close()
            self._placeholder = None


def _watching(under_way: set[asyncio.Task[object]]) -> Middleware:
    """Return a middleware that notes who is handling a request, so that a stop can end it.

    aiohttp lets a handler run on when its connection is gone, as a real server does.
    """

    @web.middleware
    async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
        task = asyncio.current_task()
        if task is not None:
            under_way.add(task)
        try:
            return await handler(request)
        finally:
            if task is not None:
                under_way.discard(task)

    return watch
