"""Keys that fit an indexed column, whatever was asked for, and never stand for two things."""

import hashlib
import re

KEY_LENGTH = 191
"""Characters of a key column: 191 of utf8mb4 fit the 767 bytes of InnoDB's older row formats."""

_HASH_LENGTH = 64
_PLAIN_JOB_ID = re.compile(r"[a-z0-9][a-z0-9:._-]*")
_JOB_HASH_LENGTH = 32


def stored_key(value: str, limit: int = KEY_LENGTH) -> str:
    """Return ``value`` where the column tells it from every other value, else a prefix with its SHA-256.

    MariaDB's ``utf8mb4_bin`` ignores trailing blanks, hence the hash for those too. ``~`` marks a hashed
    key; a value that has one at that place by itself is hashed as well, so that it cannot pass for one.

    Args:
        value: Any text.
        limit: Characters of the column, at least 66.
    """
    lookalike = len(value) > _HASH_LENGTH and value[-_HASH_LENGTH - 1] == "~"
    if len(value) <= limit and value == value.rstrip() and not lookalike:
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()
    return f"{value[: limit - _HASH_LENGTH - 1]}~{digest}"


def job_key(workflow_id: str, limit: int) -> str:
    """Return the id under which a run stands in ``failover_jobs``, whose collation may ignore case.

    A workflow id of lower-case letters, digits and ``:._-`` that fits is taken as it is. Any other is cut
    and gets ``~`` with 128 bits of its SHA-256, so that ids that differ in case only stay two jobs.
    """
    if len(workflow_id) <= limit and _PLAIN_JOB_ID.fullmatch(workflow_id):
        return workflow_id
    digest = hashlib.sha256(workflow_id.encode()).hexdigest()[:_JOB_HASH_LENGTH]
    return f"{workflow_id[: limit - _JOB_HASH_LENGTH - 1]}~{digest}"
