"""The VMA simulator as a process: ``python -m simulators.vma --port 9081``.

A development tool: never point production at it. Its vCenter is that of ``simulators.vma.sample``.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from simulators.process import Service, serve
from simulators.vma.sample import VCENTER_HOST, sample_vcenters
from simulators.vma.server import VmaSimulator


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulator until it is told to stop; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators.vma",
        description="A simulated VMware agent. Never point production at it.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=9081, help="0 is any free one (default: %(default)s)")
    options = parser.parse_args(arguments)
    simulator = VmaSimulator(sample_vcenters())
    service = Service(
        start=lambda: simulator.start(options.port, options.host),
        stop=simulator.stop,
        describe=lambda: {"simulator": "vma", "url": simulator.url, "vcenter": VCENTER_HOST},
    )
    return asyncio.run(serve(service))


if __name__ == "__main__":
    sys.exit(main())
