"""How many requests a caller may make: a token bucket for each, in memory, for the latest callers."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_MOST_CALLERS: Final = 10_000


@dataclass
class _Bucket:
    left: float
    at: float


class RateLimit:
    """Lets each caller make ``burst`` requests at once and ``per_minute`` in the long run.

    Args:
        per_minute: Requests that are earned back in a minute.
        burst: Requests that may be saved up.
        clock: Seconds, for tests.
    """

    def __init__(self, per_minute: int, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_minute / 60
        self._burst = float(burst)
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait(self, caller: str) -> float:
        """Take one request of the caller's.

        Returns:
            0 when it may be made; else the seconds after which it may be tried again, and nothing is taken.
        """
        now = self._clock()
        bucket = self._buckets.get(caller)
        if bucket is None:
            bucket = self._buckets[caller] = _Bucket(self._burst, now)
            if len(self._buckets) > _MOST_CALLERS:
                # The one that was away for longest has most likely a full bucket again.
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(caller)
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._per_second)
        bucket.at = now
        if bucket.left < 1:
            return (1 - bucket.left) / self._per_second
        bucket.left -= 1
        return 0
