"""The program ``failover``; ``python -m cli`` is the same."""

import sys
from importlib.util import find_spec
from typing import Final

_NEEDED: Final = ("rich", "typer")


def main() -> None:
    """Run the command that the arguments name, and exit with its code."""
    if any(find_spec(name) is None for name in _NEEDED):
        print(  # noqa: T201 - what prints otherwise is what is missing
            "failover: the command line is not installed: pip install 'cloudstack-failover[cli]'",
            file=sys.stderr,
        )
        sys.exit(2)
    from cli.app import run  # noqa: PLC0415 - it needs what was looked for above

    run()


if __name__ == "__main__":
    main()
