"""Connect as the ``temporal`` command line does, with errors that give nothing of the settings away."""

from typing import Final

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig

from client.errors import TemporalMisconfigured, TemporalUnreachable

_DEFAULT_ADDRESS: Final = "localhost:7233"


async def connect_temporal(address: str | None, namespace: str | None) -> Client:
    """Connect as Temporal's environment and configuration file say.

    Args:
        address: Host and port instead of the configured ones.
        namespace: Instead of the configured one.

    Raises:
        TemporalMisconfigured: The settings cannot be used.
        TemporalUnreachable: Nothing answers there.
    """
    try:
        config = ClientConfig.load_client_connect_config()
    except (RuntimeError, ValueError, OSError):
        raise TemporalMisconfigured from None
    config.setdefault("target_host", _DEFAULT_ADDRESS)
    if address:
        config["target_host"] = address
    if namespace:
        config["namespace"] = namespace
    try:
        return await Client.connect(**config, data_converter=pydantic_data_converter)
    except (ValueError, OSError):
        raise TemporalMisconfigured from None
    except RuntimeError:
        # The SDK raises nothing more specific; its text may hold the whole connection configuration.
        raise TemporalUnreachable(config["target_host"]) from None
