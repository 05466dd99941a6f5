"""Names of volumes, snapshots and networks: any characters, up to 255 (observed, section 15)."""

from simulators.cloudstack.commands.invocation import Invocation
from simulators.cloudstack.errors import bad_argument

_LONGEST = 255


def require_short(inv: Invocation, parameter: str, text: str) -> str:
    """Return the name, if it is not too long.

    Raises:
        ApiError: 431 (with 9999), it is.
    """
    if len(text) > _LONGEST:
        raise bad_argument(
            inv.params.command, f"Value greater than max allowed length {_LONGEST} for param: {parameter}"
        )
    return text
