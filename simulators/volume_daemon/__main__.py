"""The Volume Daemon simulator as a process: ``python -m simulators.volume_daemon --port 8090``.

A development tool: never point production at it. It calls the CloudStack simulator with the sample's key.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from simulators.process import Service, serve
from simulators.volume_daemon.server import VolumeDaemonSimulator

_CLOUD = "http://127.0.0.1:8080/client/api"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulator until it is told to stop; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators.volume_daemon",
        description="A simulated Volume Daemon. Never point production at it.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8090, help="0 is any free one (default: %(default)s)")
    parser.add_argument("--cloud", default=_CLOUD, help="CloudStack simulator's API (default: %(default)s)")
    parser.add_argument("--appliance", default="", help="id of the VM that the daemon runs on")
    options = parser.parse_args(arguments)
    simulator = VolumeDaemonSimulator(options.cloud, appliance_vm_id=options.appliance)
    service = Service(
        start=lambda: simulator.start(options.port, options.host),
        stop=simulator.stop,
        describe=lambda: {"simulator": "volume daemon", "url": simulator.url, "cloud": options.cloud},
    )
    return asyncio.run(serve(service))


if __name__ == "__main__":
    sys.exit(main())
