"""The search attributes that runs upsert: a namespace that lacks one makes them loop (measured)."""

from collections.abc import Iterable

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from activities.connection import TemporalUnusable


class SearchAttributesMissing(TemporalUnusable):
    """The namespace lacks search attributes, and this client may not add them."""

    def __init__(self, namespace: str, names: Iterable[str]) -> None:
        lines = (
            f"temporal operator search-attribute create --namespace {namespace} --name {name} --type Keyword"
            for name in names
        )
        super().__init__("\n".join(["The Temporal namespace lacks search attributes. Run:", *lines]))


async def register_search_attributes(client: Client, keys: Iterable[SearchAttributeKey[str]]) -> None:
    """Add the keyword attributes that the namespace lacks.

    Raises:
        SearchAttributesMissing: With the exact commands, when the server does not let us.
    """
    try:
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
        missing = [key.name for key in keys if key.name not in known.custom_attributes]
    except RPCError:
        missing = [key.name for key in keys]
    if not missing:
        return
    try:
        await client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=client.namespace,
                search_attributes=dict.fromkeys(missing, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD),
            )
        )
    except RPCError as error:
        # Another worker may have been a moment earlier.
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise SearchAttributesMissing(client.namespace, missing) from error
