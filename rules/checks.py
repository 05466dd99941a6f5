"""How a check is written down. A check that could not be made is a warning or a failure, never a pass."""

from collections.abc import Collection

from rules.preflight import Check, CheckStatus


def passed(name: str, message: str) -> Check:
    """Return a check that found nothing to mind."""
    return Check(name=name, status=CheckStatus.PASS, message=message)


def warned(name: str, message: str, fix: str) -> Check:
    """Return a check that lets the run go on, and that the result shows."""
    return Check(name=name, status=CheckStatus.WARNING, message=message, fix=fix)


def failed(name: str, message: str, fix: str) -> Check:
    """Return a check that forbids the run."""
    return Check(name=name, status=CheckStatus.FAILURE, message=message, fix=fix)


def judged(name: str, failures: Collection[str], warnings: Collection[str], good: str, fix: str) -> Check:
    """Return one check of many things: the worst of them decides, and all are named.

    Args:
        name: The check's.
        failures: One sentence each.
        warnings: One sentence each.
        good: What is said when there is neither.
        fix: What to do about either.
    """
    said = "; ".join((*failures, *warnings))
    if failures:
        return failed(name, said, fix)
    return warned(name, said, fix) if warnings else passed(name, good)
