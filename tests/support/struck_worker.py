"""``worker.py`` as a process that a strike may kill: for tests only.

``STRIKES`` holds what befalls it, as ``Strike.as_text`` writes it, one after the other between semicolons.
What Temporal waits for before it takes a dead worker for dead is short here; the worker that goes on after it
is the product's own.
"""

import functools
import os
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from activities.connection import connect_temporal
from tests.support.activity_faults import Strike, Striker, client_with
from workflows import stepping

STRIKES = "STRIKES"
_DEAD = timedelta(seconds=5)
_STICKY = timedelta(seconds=1)


def main() -> int:
    """Run the worker, with every activity behind the strikes."""
    # Before anything that takes its limits from there is imported.
    stepping.DATABASE_CALL = _DEAD
    stepping.CLOUD_CALL = 3 * _DEAD
    stepping.step.__kwdefaults__ = {**(stepping.step.__kwdefaults__ or {}), "start_to_close": _DEAD}
    import worker  # noqa: PLC0415 - see above

    striker = Striker(*(Strike.from_text(text) for text in os.environ[STRIKES].split(";")))

    async def connected() -> Client:
        return client_with(await connect_temporal(), striker)

    short = functools.partial(Worker, sticky_queue_schedule_to_start_timeout=_STICKY)
    vars(worker).update(connect_temporal=connected, Worker=short)
    return worker.main()


if __name__ == "__main__":
    raise SystemExit(main())
