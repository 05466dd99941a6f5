"""Where Temporal is: as ``temporalio.envconfig`` says, with the ``TEMPORAL_`` lines of ``.env`` heard too."""

import os

from dotenv import dotenv_values
from temporalio.envconfig import ClientConfig, ClientConnectConfig

from settings.reading import env_file

DEFAULT_ADDRESS = "localhost:7233"
_PREFIX = "TEMPORAL_"


def temporal_config() -> ClientConnectConfig:
    """Return what ``Client.connect`` takes: address, namespace, profile, TLS, key, as for the CLI.

    The environment wins over ``.env``, and both over the CLI's configuration file.

    Raises:
        RuntimeError: The configuration cannot be used. Its text may hold all of it: do not show it.
        ValueError: The same.
        OSError: A file that it names cannot be read.
    """
    file = env_file()
    written = dotenv_values(file) if file else {}
    from_file = {name: value for name, value in written.items() if name.startswith(_PREFIX) and value}
    config = ClientConfig.load_client_connect_config(override_env_vars={**from_file, **os.environ})
    config.setdefault("target_host", DEFAULT_ADDRESS)
    return config
