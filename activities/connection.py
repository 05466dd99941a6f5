"""The worker's connection to Temporal, made as ``temporalio.envconfig`` says: with the CLI's own settings.

::

    TemporalUnusable             wrong settings, nobody answers, no such namespace: the worker does not start
    └── SearchAttributesMissing      the namespace lacks some, and we may not add them; it stands in
                                     activities.search_attributes
"""

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from settings.temporal import temporal_config


class TemporalUnusable(Exception):
    """The worker cannot work with Temporal as it is set up.

    What the SDK says is not quoted: it may hold a part of the configuration file or a key.
    """


async def connect_temporal() -> Client:
    """Connect: address, namespace, profile, TLS and key come from ``TEMPORAL_*`` and the CLI's file.

    Raises:
        TemporalUnusable: The settings cannot be used, nobody answers, or there is no such namespace.
    """
    try:
        config = temporal_config()
    except (RuntimeError, ValueError, OSError):
        raise _wrong_settings() from None
    address = config["target_host"]
    try:
        client = await Client.connect(**config, data_converter=pydantic_data_converter)
    except (ValueError, OSError):
        raise _wrong_settings() from None
    except RuntimeError:
        raise TemporalUnusable(
            f"No Temporal server answers at {address}: start it, or set TEMPORAL_ADDRESS; "
            "if one is there, check the TEMPORAL_TLS_ settings"
        ) from None
    await _require_namespace(client)
    return client


async def _require_namespace(client: Client) -> None:
    try:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            return  # not everybody who may work in a namespace may describe it; the worker checks again
        raise TemporalUnusable(
            f"Temporal has no namespace {client.namespace}: set TEMPORAL_NAMESPACE, or run\n"
            f"temporal operator namespace create --namespace {client.namespace}"
        ) from None


def _wrong_settings() -> TemporalUnusable:
    return TemporalUnusable(
        "Temporal's settings cannot be used: check the TEMPORAL_ variables, the profile that they name, the "
        "files of TEMPORAL_TLS_, and the configuration file (`temporal config list` reads the same)"
    )
