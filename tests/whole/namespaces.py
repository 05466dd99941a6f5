"""Another namespace on the session's Temporal server: as empty as a new one."""

import itertools
from datetime import timedelta

from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from activities.search_attributes import register_search_attributes
from tests.whole.waits import until
from workflows.surface import SEARCH_ATTRIBUTES

_numbers = itertools.count(1)


async def empty_temporal(client: Client) -> Client:
    """Return a client of a namespace in which nothing ever ran."""
    name = f"anew-{next(_numbers)}"
    request = RegisterNamespaceRequest(namespace=name)
    request.workflow_execution_retention_period.FromTimedelta(timedelta(days=1))
    await client.workflow_service.register_namespace(request)
    made = await Client.connect(
        client.service_client.config.target_host, namespace=name, data_converter=pydantic_data_converter
    )

    async def is_known() -> bool:
        # A new namespace is known to every part of the server a moment later.
        try:
            await register_search_attributes(made, SEARCH_ATTRIBUTES)
            [one async for one in made.list_workflows(page_size=1, limit=1)]
        except RPCError:
            return False
        return True

    await until(is_known)
    return made
