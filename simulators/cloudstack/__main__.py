"""The CloudStack simulator as a process: ``python -m simulators.cloudstack --port 8080``.

A development tool: never point production at it. Its keys are those of ``simulators.cloudstack.sample``.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from simulators.cloudstack.latency import Latency
from simulators.cloudstack.sample import add_replicas, sample_world
from simulators.cloudstack.seed import SeedError, apply_seed
from simulators.cloudstack.server import CloudStackSimulator
from simulators.process import Service, complain, serve

_LATENCIES = {"instant": Latency(), "observed": Latency.observed()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulator until it is told to stop; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators.cloudstack",
        description="A simulated CloudStack management server. Never point production at it.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="0 is any free one (default: %(default)s)")
    parser.add_argument("--seed-file", type=Path, help="JSON with more zones, networks, templates, VMs")
    parser.add_argument(
        "--latency", choices=sorted(_LATENCIES), default="instant", help="default: %(default)s"
    )
    parser.add_argument("--latency-factor", type=float, default=1.0, help="multiplies all times")
    parser.add_argument(
        "--replicas",
        action="store_true",
        help="with the appliance and the replicated disks of the sample VMs",
    )
    options = parser.parse_args(arguments)
    world = sample_world()
    if options.replicas:
        add_replicas(world)
    if options.seed_file is not None:
        try:
            apply_seed(world, json.loads(options.seed_file.read_bytes()))
        except (OSError, ValueError) as error:
            kind = "cannot be used" if isinstance(error, SeedError) else "cannot be read"
            return complain(f"the seed file {options.seed_file} {kind}: {error}")
    simulator = CloudStackSimulator(
        world=world, latency=_LATENCIES[options.latency].scaled(options.latency_factor)
    )
    service = Service(
        start=lambda: simulator.start(options.port, options.host),
        stop=simulator.stop,
        describe=lambda: {"simulator": "cloudstack", "url": simulator.endpoint, "zone": world.zone.name},
    )
    return asyncio.run(serve(service))


if __name__ == "__main__":
    sys.exit(main())
