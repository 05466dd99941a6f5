"""The replication simulator as a process: ``python -m simulators.replication --port 8083``.

A development tool: never point production at it. With ``--database`` it finds the VMs there, and writes its
jobs there, as the replication system does.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from simulators.process import Service, serve
from simulators.replication.records import MemoryRecords, Records
from simulators.replication.server import ReplicationSimulator
from simulators.replication.sql_records import SqlRecords


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulator until it is told to stop; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators.replication",
        description="A simulated replication system. Never point production at it.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8083, help="0 is any free one (default: %(default)s)")
    parser.add_argument("--database", default="", help="URL of the database that knows the VMs")
    parser.add_argument("--steps", type=int, default=5, help="steps of a job (default: %(default)s)")
    parser.add_argument("--step-seconds", type=float, default=1.0, help="per step (default: %(default)s)")
    options = parser.parse_args(arguments)
    records: Records = SqlRecords(options.database) if options.database else MemoryRecords()
    simulator = ReplicationSimulator(
        records, steps=options.steps, step_seconds=options.step_seconds, step_on_look=False
    )
    service = Service(
        start=lambda: simulator.start(options.port, options.host),
        stop=simulator.stop,
        describe=lambda: {"simulator": "replication", "url": simulator.url},
    )
    return asyncio.run(serve(service))


if __name__ == "__main__":
    sys.exit(main())
