"""Whether this machine's worker polls Temporal: ``python -m deploy.worker_health``.

A worker that hangs is still a process, and one that has lost Temporal still has its port, since it has none.
What tells is Temporal's own list of who polled the task queue, and when.

Exit codes: 0 when this machine's worker polled lately, 1 when not, or when Temporal does not say so in time.
"""

import asyncio
import os
import socket
import sys
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from rules.temporal_names import TASK_QUEUE
from settings import SettingsError, read_settings
from settings.temporal import temporal_config

_FRESH: Final = timedelta(seconds=150)
"""A poll that finds nothing lasts a minute; a worker that is well is never silent for two."""

_PATIENCE: Final = 10.0


class _Queue(BaseSettings):
    """The one setting of the worker that matters here, read as the worker reads it."""

    model_config = SettingsConfigDict(env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore")

    name: str = Field(TASK_QUEUE, min_length=1, validation_alias="FAILOVER_TASK_QUEUE")


async def polls(client: Client, task_queue: str, machine: str) -> bool:
    """Tell whether a worker on a machine has polled lately for workflow tasks.

    It is seen by its identity, which the SDK makes of process id and host name. A container restarted under
    the same name has the same identity, so an entry of the worker before it counts only while it is fresh.

    Args:
        client: Connected to the worker's namespace.
        task_queue: The worker's.
        machine: The host name, in a container its id.

    Raises:
        RPCError: Temporal does not answer, or refuses.
    """
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    since = datetime.now(UTC) - _FRESH
    return any(
        poller.identity.endswith(f"@{machine}") and poller.last_access_time.ToDatetime(tzinfo=UTC) > since
        for poller in answer.pollers
    )


async def check() -> bool:
    """Ask the Temporal that the worker's environment and ``.env`` name.

    Raises:
        SettingsError: The task queue cannot be read.
        RPCError: Temporal does not answer, or refuses.
        RuntimeError: Temporal's configuration cannot be used, or nothing listens there.
        ValueError: Temporal's configuration cannot be used.
        OSError: A file that it names cannot be read.
        TimeoutError: It took too long.
    """
    queue = read_settings(_Queue)
    async with asyncio.timeout(_PATIENCE):
        client = await Client.connect(**temporal_config())
        return await polls(client, queue.name, socket.gethostname())


def main() -> int:
    """Run as a container's health check."""
    try:
        well = asyncio.run(check())
    except SettingsError as error:
        print(f"Wrong settings: {error}", file=sys.stderr)  # noqa: T201 - for `docker inspect`; holds no value
        return 1
    except (RPCError, RuntimeError, ValueError, OSError) as error:  # a TimeoutError is an OSError
        # The text may hold all of the configuration.
        print(f"Temporal cannot be asked ({type(error).__name__})", file=sys.stderr)  # noqa: T201 - the same
        return 1
    if not well:
        print("no worker of this machine has polled lately", file=sys.stderr)  # noqa: T201 - the same
    return 0 if well else 1


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # Not through the interpreter's own end, in which the SDK's threads can crash (seen: SIGSEGV, SIGABRT).
    os._exit(code)
