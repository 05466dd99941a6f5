"""Attach and detach through the appliance's Volume Daemon, which owns ``device_mappings``."""

from typing import Final
from urllib.parse import quote

import aiohttp
from pydantic import ValidationError

from volume_daemon.errors import DaemonRefused, DaemonUnreachable, DaemonUnsure
from volume_daemon.models import Operation

_CREATED: Final = 201
_OK: Final = 200
_NOT_FOUND: Final = 404
_SERVER_FAULT: Final = 500
_API: Final = "/api/v1"
_LONGEST_CONNECT: Final = 10.0  # seconds


class VolumeDaemonClient:
    """A client of one daemon. It begins operations; `operation` tells what became of them.

    Args:
        base_url: Such as ``http://localhost:8090``.
        session: Shared with others; closed by who made it.
        timeout_seconds: For one exchange. An operation runs on its own.
    """

    def __init__(
        self, base_url: str, session: aiohttp.ClientSession, *, timeout_seconds: float = 30.0
    ) -> None:
        self._base = base_url.rstrip("/")
        self._session = session
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_seconds, connect=min(_LONGEST_CONNECT, timeout_seconds / 2)
        )

    def __repr__(self) -> str:
        return f"VolumeDaemonClient({self._base!r})"

    async def attach(self, volume_id: str, vm_id: str) -> Operation:
        """Begin an attach as a data disk; nobody can say at which place.

        Raises:
            DaemonError: As `volume_daemon.errors` says.
        """
        return await self._begin(volume_id, "attach", {"vm_id": vm_id})

    async def attach_root(self, volume_id: str, vm_id: str) -> Operation:
        """Begin an attach as the root, at device id 0.

        Raises:
            DaemonError: As `volume_daemon.errors` says.
        """
        return await self._begin(volume_id, "attach-root", {"vm_id": vm_id})

    async def detach(self, volume_id: str) -> Operation:
        """Begin a detach from whatever VM has the volume.

        Raises:
            DaemonError: As `volume_daemon.errors` says.
        """
        return await self._begin(volume_id, "detach", {})

    async def operation(self, operation_id: str) -> Operation | None:
        """Return an operation, or None when the daemon does not know it.

        Raises:
            DaemonError: As `volume_daemon.errors` says.
        """
        status, body = await self._exchange("GET", f"{_API}/operations/{quote(operation_id, safe='')}", None)
        if status == _NOT_FOUND:
            return None
        return _read(status, body, _OK)

    async def _begin(self, volume_id: str, action: str, request: dict[str, str]) -> Operation:
        path = f"{_API}/volumes/{quote(volume_id, safe='')}/{action}"
        return _read(*await self._exchange("POST", path, request), _CREATED)

    async def _exchange(self, method: str, path: str, request: dict[str, str] | None) -> tuple[int, bytes]:
        try:
            async with self._session.request(
                method, f"{self._base}{path}", json=request, timeout=self._timeout, allow_redirects=False
            ) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise DaemonUnreachable("The Volume Daemon does not answer") from error
        except (aiohttp.ClientError, OSError) as error:
            raise DaemonUnsure("The answer of the Volume Daemon was lost") from error


def _read(status: int, body: bytes, expected: int) -> Operation:
    if status >= _SERVER_FAULT:
        raise DaemonUnsure(f"The Volume Daemon failed with status {status}")
    # The original says 201 for what it began; another success means the same.
    if status not in {expected, _OK, _CREATED}:
        raise DaemonRefused(f"The Volume Daemon refuses the request with status {status}")
    try:
        return Operation.model_validate_json(body)
    except ValidationError:
        pass
    raise DaemonUnsure("The answer of the Volume Daemon cannot be read")
