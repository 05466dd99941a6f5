"""An agent that answers as a test tells it to: what neither the real one nor its simulator was seen to do."""

import asyncio
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Reply:
    """Bytes on the wire; ``announced`` is the length that the head gives where it is not the real one."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    announced: int | None = None
    headers: tuple[str, ...] = ()

    def on_the_wire(self) -> bytes:
        length = len(self.body) if self.announced is None else self.announced
        head = (
            f"HTTP/1.1 {self.status} Whatever",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {length}",
            "Connection: close",
            *self.headers,
        )
        return "\r\n".join((*head, "", "")).encode() + self.body


@dataclass
class OddAgent:
    """Reads each request and answers it with ``reply``; None closes the connection without a word."""

    reply: Reply | None = None
    requests: list[bytes] = field(default_factory=list)
    url: str = ""
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = "http://{}:{}".format(*self._server.sockets[0].getsockname())

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        body = await reader.readexactly(int(lengths[0].partition(b":")[2])) if lengths else b""
        self.requests.append(head + body)
        if self.reply is not None:
            writer.write(self.reply.on_the_wire())
            await writer.drain()
        writer.close()
        await writer.wait_closed()
