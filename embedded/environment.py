"""The environment that the stack's processes get: nothing that could lead to a real system.

On an appliance the shell may hold the address and keys of a production CloudStack, the VMA's vCenter
credential, the production database or another Temporal cluster. Two fences keep them out: a child gets only
the names listed here plus what the stack sets itself, and the stack's own process forgets the rest.
"""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent

_PASSED_ON = frozenset(
    {"PATH", "LANG", "LANGUAGE", "TZ", "TMPDIR", "USER", "LOGNAME", "PYTHONDONTWRITEBYTECODE"}
)
_PASSED_ON_PREFIXES = ("LC_",)

_FOREIGN_PREFIXES = (
    "CLOUDSTACK_", "VMA_", "FAILOVER_", "TEMPORAL_", "MIGRATEKIT_", "REPLICATION_", "VOLUME_DAEMON_",
)  # fmt: skip
_OWN_PREFIXES = ("TEMPORAL_CLI", "FAILOVER_UP_")


def child_environment(
    home: Path, extra: Mapping[str, str] | None = None, *, outside: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Build the environment of one process of the stack.

    Args:
        home: An empty folder: there a part finds no configuration file of the user's.
        extra: What the stack sets for this part.
        outside: The surrounding environment; this process's own by default.

    Returns:
        A fresh dictionary: the harmless names of the surroundings, then the stack's own values.
    """
    surroundings = os.environ if outside is None else outside
    passed = {
        name: value
        for name, value in surroundings.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }
    return {
        **passed,
        "HOME": str(home),
        "PYTHONPATH": str(PROJECT_ROOT),
        "PYTHONUNBUFFERED": "1",
        # Both the SDK and the CLI read this file instead of the user's; an empty one configures nothing.
        "TEMPORAL_CONFIG_FILE": os.devnull,
        # Empty: the worker reads no .env file at all.
        "FAILOVER_ENV_FILE": "",
        **(extra or {}),
    }


def forget_foreign_settings(environ: MutableMapping[str, str] | None = None) -> list[str]:
    """Remove every setting of a real system from this process's environment.

    What the stack itself reads (``TEMPORAL_CLI``, ``FAILOVER_UP_*``) stays. Proxies stay too, since a build
    or a download of the Temporal CLI may need them; they are not passed on to any part.

    Args:
        environ: The environment to change; this process's own by default.

    Returns:
        The names that were removed, sorted. Never their values.
    """
    target = os.environ if environ is None else environ
    removed = sorted(
        name for name in target if name.startswith(_FOREIGN_PREFIXES) and not name.startswith(_OWN_PREFIXES)
    )
    for name in removed:
        del target[name]
    return removed
