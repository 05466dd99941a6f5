"""One CloudStack client and one job watcher per set of keys, shared by all activities of a worker."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from cloudstack import CapacityClient, CloudStackClient, JobWatcher, Owner, StorageClient, Transport
from database import CloudStackKeys, DatabaseUnavailable
from rules.context import DestinationConfig
from rules.errors import FailoverErrorType, FailoverRefused

_log = structlog.get_logger(__name__)

_OWN_PORTS = {"http": 80, "https": 443}

KeySource = Callable[[int], Awaitable[CloudStackKeys]]


@dataclass(frozen=True)
class CloudStackOptions:
    """How CloudStack is talked to. Times are in seconds."""

    owner: Owner = field(default_factory=Owner)
    ca_file: Path | None = None
    timeout: float = 30.0
    job_poll: float = 2.0


class Cloud:
    """The clients of one set of keys, and the watcher that waits for their jobs.

    Attributes:
        client: VMs, networks and jobs.
        storage: Volumes and snapshots.
        capacity: What there is room for; only reads.
        jobs: Waits for jobs.
        owner: Whom VMs are deployed for; an empty one stands for the caller.
    """

    def __init__(self, keys: CloudStackKeys, options: CloudStackOptions) -> None:
        self._transport = Transport(
            keys.api_url,
            keys.api_key,
            keys.secret,
            ca_file=options.ca_file,
            timeout_seconds=options.timeout,
        )
        self.owner = options.owner
        self.client = CloudStackClient(self._transport, options.owner)
        self.storage = StorageClient(self._transport, options.owner)
        self.capacity = CapacityClient(self._transport, options.owner)
        self.jobs = JobWatcher(self.client, interval_seconds=options.job_poll)

    async def close(self) -> None:
        """Stop waiting and close the connections."""
        await self.jobs.close()
        await self._transport.close()


class Clouds:
    """Finds the client for a CloudStack configuration.

    The keys are read anew for every activity: the original kept them until its restart
    (original-system.md, section 7).

    Args:
        stored_keys: Reads a configuration's keys from the database.
        own_keys: The worker's ``CLOUDSTACK_*`` settings, if they are set.
        options: For every client.
    """

    def __init__(
        self, stored_keys: KeySource, own_keys: CloudStackKeys | None, options: CloudStackOptions
    ) -> None:
        self._stored_keys = stored_keys
        self._own_keys = own_keys
        self._options = options
        self._open: dict[CloudStackKeys, Cloud] = {}
        self._last: dict[int, CloudStackKeys] = {}

    async def of(self, destination: DestinationConfig) -> Cloud:
        """Return the client for this configuration.

        Raises:
            FailoverRefused: ConfigurationError: no keys at all, or the settings and the row differ.
            DatabaseUnavailable: The keys cannot be read, and never were before.
        """
        try:
            keys = await self._keys(destination)
        except DatabaseUnavailable:
            # An undo must not wait for the database when the keys are known.
            if destination.config_id not in self._last:
                raise
            keys = self._last[destination.config_id]
            _log.warning("cloudstack_keys_from_memory", config_id=destination.config_id)
        self._last[destination.config_id] = keys
        if keys not in self._open:
            try:
                self._open[keys] = Cloud(keys, self._options)
            except ValueError as error:
                raise _wrong(f"ossea_configs row {destination.config_id}: {error}") from None
        return self._open[keys]

    async def close(self) -> None:
        """Close every client."""
        for cloud in self._open.values():
            await cloud.close()
        self._open.clear()

    async def _keys(self, destination: DestinationConfig) -> CloudStackKeys:
        stored = await self._stored_keys(destination.config_id)
        is_stored = bool(stored.api_url and stored.api_key and stored.secret)
        if self._own_keys is None:
            if not is_stored:
                raise _wrong(
                    f"ossea_configs row {destination.config_id} has no keys, nor has the environment"
                )
            return stored
        if is_stored and _comparable(stored) != _comparable(self._own_keys):
            raise _wrong(
                f"CLOUDSTACK_ settings and ossea_configs row {destination.config_id} are both set and differ"
            )
        return self._own_keys


def _comparable(keys: CloudStackKeys) -> tuple[object, ...]:
    # The settings drop a scheme's own port, a row may name it.
    url = urlsplit(keys.api_url)
    port = url.port or _OWN_PORTS.get(url.scheme)
    return url.scheme, url.hostname, port, url.path.rstrip("/"), keys.api_key, keys.secret


def _wrong(what: str) -> FailoverRefused:
    return FailoverRefused(FailoverErrorType.CONFIGURATION_ERROR, what)
