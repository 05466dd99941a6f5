"""Where the parts of the stack listen: fixed ports for ``up``, free ones for ``demo`` and the tests."""

import itertools
import random
import socket
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from embedded.errors import BadStackSetting, PortTaken

HOST = "127.0.0.1"
_PREFIX = "FAILOVER_UP_"
_FREE_RANGE = range(20000, 30000)

Port = Annotated[int, Field(ge=1, le=65535)]


class _PortSettings(BaseSettings):
    """The settings of ``make up``: each moves one part to another port of 127.0.0.1."""

    # Only the environment is read: a .env file in the project's folder belongs to a real worker.
    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_file=None)

    vma_port: Port = 9081
    cloudstack_port: Port = 8080
    temporal_port: Port = 7233
    ui_port: Port = 8233
    api_port: Port = 8082
    replication_port: Port = 8083


@dataclass(frozen=True)
class StackPorts:
    """The ports of the stack, all on 127.0.0.1.

    Attributes:
        vma: The VMA simulator's (the job sheet's 9081 unless ``FAILOVER_UP_VMA_PORT`` moves it).
        cloudstack: The CloudStack simulator's (8080, ``FAILOVER_UP_CLOUDSTACK_PORT``).
        temporal: The Temporal server's (7233, ``FAILOVER_UP_TEMPORAL_PORT``).
        ui: The Temporal Web UI's (8233, ``FAILOVER_UP_UI_PORT``).
        api: The HTTP API's (the job sheet's 8082, ``FAILOVER_UP_API_PORT``).
        replication: The replication simulator's (8083, ``FAILOVER_UP_REPLICATION_PORT``).
    """

    vma: int
    cloudstack: int
    temporal: int
    ui: int
    api: int
    replication: int

    @classmethod
    def from_environment(cls) -> Self:
        """Read the ports of ``make up``.

        Raises:
            BadStackSetting: A value is no port number, or two parts would share one.
        """
        try:
            read = _PortSettings()
        except ValidationError as error:
            wrong = sorted({f"{_PREFIX}{detail['loc'][0]}".upper() for detail in error.errors()})
            raise BadStackSetting(
                "\n".join(f"{name} must be a port number from 1 to 65535" for name in wrong)
            ) from None
        ports = cls(
            read.vma_port,
            read.cloudstack_port,
            read.temporal_port,
            read.ui_port,
            read.api_port,
            read.replication_port,
        )
        ports._refuse_shared()
        return ports

    @classmethod
    def free(cls) -> Self:
        """Take six ports that nobody listens on at this moment."""
        return cls(*free_ports(6))

    def refuse_taken(self) -> None:
        """Refuse to start where another program already listens on one of the ports.

        Raises:
            PortTaken: One line for each taken port: what wants it, and the setting that moves it.
        """
        taken = [
            f"port {number} on {HOST} is taken, and {user} wants it: stop the program that listens there,"
            f" or set {setting} to another port"
            for number, user, setting in self._uses()
            if not _is_free(number)
        ]
        if taken:
            raise PortTaken("\n".join(taken))

    def _refuse_shared(self) -> None:
        seen: dict[int, str] = {}
        for number, _user, setting in self._uses():
            if number in seen:
                raise BadStackSetting(f"{seen[number]} and {setting} must differ: both ask for port {number}")
            seen[number] = setting

    def _uses(self) -> tuple[tuple[int, str, str], ...]:
        return (
            (self.vma, "the VMA simulator", f"{_PREFIX}VMA_PORT"),
            (self.cloudstack, "the CloudStack simulator", f"{_PREFIX}CLOUDSTACK_PORT"),
            (self.temporal, "the Temporal server", f"{_PREFIX}TEMPORAL_PORT"),
            (self.ui, "the Temporal Web UI", f"{_PREFIX}UI_PORT"),
            (self.api, "the HTTP API", f"{_PREFIX}API_PORT"),
            (self.replication, "the replication simulator", f"{_PREFIX}REPLICATION_PORT"),
        )


def free_ports(count: int) -> list[int]:
    """Find distinct ports of 127.0.0.1 that nobody listens on at this moment.

    They lie below the range from which systems take the ports of outgoing connections, so that none of those
    can take one away before the part that it is for listens on it.
    """
    candidates = random.sample(_FREE_RANGE, len(_FREE_RANGE))
    return list(itertools.islice((port for port in candidates if _is_free(port)), count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # Connections of an earlier run in TIME_WAIT do not count; a listening socket still does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
