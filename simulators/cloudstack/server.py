"""The simulated management server."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from aiohttp import web

from simulators.cloudstack import control, sample
from simulators.cloudstack.api import Api, Throttle
from simulators.cloudstack.credentials import Credentials
from simulators.cloudstack.envelope import html, reply
from simulators.cloudstack.errors import ApiError, Code, ConnectionLost, Detail, internal, unauthorized
from simulators.cloudstack.faults import Fault, FaultKind, Faults, FaultStage
from simulators.cloudstack.latency import Latency
from simulators.cloudstack.params import without_credentials
from simulators.cloudstack.world import World
from simulators.listener import Listener

__all__ = ["API_PATH", "Call", "CloudStackSimulator", "Throttle"]

API_PATH = "/client/api"
_LONGEST_GET = 8192
_LARGEST_POST = 1024 * 1024
_ONE_DAY = 24 * 3600.0


@dataclass(slots=True)
class Call:
    """A request that arrived, for assertions.

    Attributes:
        at: When it arrived, in UTC.
        params: Names in lower case; neither key nor signature nor user data.
        method: GET or POST.
        status: Of the reply; 0 while there is none, and for good where the connection was dropped.
        faults: What was ordered for it.
    """

    at: datetime
    command: str
    params: dict[str, str]
    method: str
    status: int = 0
    faults: tuple[FaultKind, ...] = ()


class CloudStackSimulator:
    """Answers as a real CloudStack 4.22 did (cloudstack-observed.md). Never point production at it.

    Args:
        admin: The root admin's key pair.
        plain: An ordinary user's.
        latency: How long replies and jobs take; short by default, see ``Latency.observed()``.
        world: The cloud; the sample one if None (``admin`` and ``plain`` are ignored with a world given).
        job_expiry_seconds: After this a finished job is forgotten and a query of it gives 431.
        throttle: Calls that an ordinary user may send in a time, None for no limit, as by default.
        enforce_post: The server's ``enforce.post.requests.and.timestamps`` (section 7).
        page_size: The server's ``default.page.size``: the most entries of one page (section 11).

    Attributes:
        world: The cloud's state, to be looked at and changed by tests.
        faults: What goes wrong, see :class:`Fault`.
        calls: Every request that arrived.
    """

    def __init__(  # noqa: PLR0913 (each is a setting of its own, by keyword only)
        self,
        *,
        admin: Credentials = sample.ADMIN,
        plain: Credentials = sample.PLAIN,
        latency: Latency | None = None,
        world: World | None = None,
        job_expiry_seconds: float = _ONE_DAY,
        throttle: Throttle | None = None,
        enforce_post: bool = False,
        page_size: int = 500,
    ) -> None:
        self.world = world or sample.sample_world(admin=admin, plain=plain)
        self.faults = Faults()
        self.calls: list[Call] = []
        self._api = Api(
            self.world,
            latency or Latency(),
            job_expiry_seconds=job_expiry_seconds,
            throttle=throttle,
            enforce_post=enforce_post,
            page_size=page_size,
        )
        self._listener = Listener(self._application)

    @property
    def endpoint(self) -> str:
        """The address to give to a client."""
        return f"http://{self._listener.host}:{self._listener.port}{API_PATH}"

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """Listen; port 0 is any free one.

        Raises:
            PortTakenError: Somebody else listens there.
        """
        await self._listener.start(host, port)

    async def stop(self) -> None:
        """Drop every connection, end every job, and give the port back."""
        await self._listener.stop()
        await self._api.fail_jobs()

    async def restart(self, *, down_seconds: float = 0.0, disconnected_seconds: float = 0.0) -> None:
        """Restart as the management server does (observed, sections 8 and 21); returns when it is back.

        Connections are refused at once, pending jobs end failed without a result, VMs that were Starting
        come back Stopped. Afterwards the first call is answered normally, while hosts are Disconnected for
        ``disconnected_seconds`` more: a start then ends with job 533.
        """
        await self._listener.refuse()
        await self._api.fail_jobs()
        await asyncio.sleep(down_seconds)
        self.world.disconnect_hosts(disconnected_seconds)
        await self._listener.start(self._listener.host, self._listener.port)

    def calls_of(self, command: str) -> list[Call]:
        """Return the requests of one command, in the order of their arrival."""
        return [call for call in self.calls if call.command == command]

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=0)
        app.router.add_route("GET", API_PATH, self._handle)
        app.router.add_route("POST", API_PATH, self._handle)
        control.add_routes(app, self)
        return app

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if len(request.raw_path) > _LONGEST_GET:
            return html(414, "Bad Message 414", "URI Too Long")
        if (request.content_length or 0) > _LARGEST_POST:
            return html(404, "HTTP ERROR 404", "Not Found")
        raw = await _parameters(request)
        names = {name.lower(): value for name, value in raw.items()}
        command, as_json = names.get("command", ""), names.get("response", "").lower() == "json"
        visible = without_credentials(raw)
        faults = self.faults.take(command, visible)
        call = Call(
            self.world.now(),
            command,
            visible,
            request.method,
            faults=tuple(fault.kind for fault in faults.values()),
        )
        self.calls.append(call)
        try:
            response = await self._answer(request.method, raw, command, faults, as_json=as_json)
        except ConnectionLost:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        call.status = response.status
        return response

    async def _answer(
        self,
        method: str,
        raw: Mapping[str, str],
        command: str,
        faults: Mapping[FaultStage, Fault],
        *,
        as_json: bool,
    ) -> web.Response:
        fault = faults.get(FaultStage.TRANSPORT)
        if fault is not None:
            early = await _before(fault)
            if early is not None:
                return early
        try:
            if fault is not None:
                _refuse(fault)
            body = await self._api.call(method, raw, command, faults)
        except ApiError as error:
            response = reply(command, self._api.error_body(error, raw), as_json=as_json, status=error.code)
        else:
            response = reply(command, body, as_json=as_json)
        return response if fault is None else await _after(fault, response)


async def _parameters(request: web.Request) -> dict[str, str]:
    pairs = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
    if request.method == "POST":
        pairs += parse_qsl((await request.read()).decode(), keep_blank_values=True)
    return dict(pairs)


async def _before(fault: Fault) -> web.Response | None:
    """Let a fault act before the server has seen the request."""
    if fault.kind is FaultKind.LOST_BEFORE_EFFECT:
        raise ConnectionLost
    if fault.kind is FaultKind.HANG and not fault.effect:
        await asyncio.sleep(fault.seconds)
    if fault.kind is FaultKind.PROXY_HTML and not fault.effect:
        return _proxy_page(fault)
    return None


async def _after(fault: Fault, response: web.Response) -> web.Response:
    """Let a fault act after the server has done its work."""
    if fault.kind is FaultKind.LOST_AFTER_EFFECT:
        raise ConnectionLost
    if fault.kind is FaultKind.HANG and fault.effect:
        await asyncio.sleep(fault.seconds)
    if fault.kind is FaultKind.PROXY_HTML:
        return _proxy_page(fault)
    return response


def _refuse(fault: Fault) -> None:
    """Raise the refusal that was ordered, if it is one."""
    refusals = {
        FaultKind.THROTTLED: ApiError(
            Code.THROTTLED,
            "The given user has reached his/her account api limit, please retry after [432] ms.",
        ),
        FaultKind.MAINTENANCE: ApiError(
            Code.MAINTENANCE,
            "Maintenance or Shutdown has been initiated on this management server. Can not accept new jobs",
        ),
        FaultKind.INTERNAL: internal("simulated internal error"),
        FaultKind.NO_CAPACITY: ApiError(
            Code.NO_CAPACITY, "No destination found for a deployment for VM instance {}.", Detail.NONE
        ),
        FaultKind.QUOTA: ApiError(
            Code.LIMIT, "Maximum amount of resources of Type = 'user_vm', tag = 'null' is exceeded"
        ),
        FaultKind.REFUSED: ApiError(fault.outcome_code, fault.text),
        FaultKind.UNAUTHORIZED_ONCE: unauthorized(),
    }
    if fault.kind in refusals:
        raise refusals[fault.kind]


def _proxy_page(fault: Fault) -> web.Response:
    return html(fault.outcome_code, f"{fault.outcome_code} Bad Gateway", "simulated proxy")
