"""A web server that answers as a test tells it to, in CloudStack's envelopes."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

Params = dict[str, str]


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True)
class Dropped:
    """The request is read, and the connection closed without (or within) the reply."""

    announced: int = 0


@dataclass(frozen=True)
class Hanging:
    """The request is read and not answered before the test is over."""


Answer = Reply | Dropped | Hanging
Behaviour = Callable[[Params], Answer | Awaitable[Answer]]


def reply(command: str, content: Mapping[str, Any]) -> Reply:
    return Reply(200, json.dumps({f"{command.lower()}response": content}).encode())


def fault(command: str, code: int, cs_code: int | None = 9999, text: str = "a text") -> Reply:
    content: dict[str, Any] = {"uuidList": [], "errorcode": code, "errortext": text}
    if cs_code is not None:
        content["cserrorcode"] = cs_code
    return Reply(code, json.dumps({f"{command.lower()}response": content}).encode())


def html(status: int) -> Reply:
    return Reply(status, f"<h1>Bad Message {status}</h1>".encode(), "text/html")


class FakeCloudStack:
    """Records what it is asked and answers with a behaviour, or with answers one after another."""

    def __init__(self) -> None:
        self.requests: list[Params] = []
        self.methods: list[str] = []
        self.queries: list[str] = []
        self.busy = 0
        self.most_busy = 0
        self._over = asyncio.Event()
        self._behaviour: Behaviour = lambda params: fault(params["command"], 432)
        application = web.Application()
        application.router.add_route("*", "/client/api", self._handle)
        self._server = TestServer(application)

    @property
    def url(self) -> str:
        return str(self._server.make_url("/client/api"))

    def behave(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour

    def answer(self, *answers: Answer) -> None:
        """Answer the next calls with these, one after another, and all later ones with the last."""
        left = list(answers)
        self.behave(lambda _: left.pop(0) if len(left) > 1 else left[0])

    def commands(self) -> Sequence[str]:
        return [params["command"] for params in self.requests]

    async def start(self) -> None:
        await self._server.start_server()

    async def stop(self) -> None:
        self._over.set()
        await self._server.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        params = {name: str(value) for name, value in (await request.post()).items()}
        self.requests.append(params)
        self.methods.append(request.method)
        self.queries.append(request.query_string)
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            answer = self._behaviour(params)
            if isinstance(answer, Awaitable):
                answer = await answer
            return await self._send(request, answer)
        finally:
            self.busy -= 1

    async def _send(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        match answer:
            case Hanging():
                await self._over.wait()
                return web.Response(status=500)
            case Dropped(announced):
                response = web.StreamResponse()
                if announced:
                    response.content_length = announced
                    await response.prepare(request)
                    await response.write(b'{"half"')
                assert request.transport is not None
                request.transport.close()
                return response
            case Reply(status, body, content_type):
                return web.Response(status=status, body=body, content_type=content_type)
