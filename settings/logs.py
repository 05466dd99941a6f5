"""What a process of ours writes to its log: one line per event, JSON or for people."""

import logging

import structlog


def configure_logs(log_format: str) -> None:
    """Set the log up, once per process.

    Args:
        log_format: ``json`` or ``console``.
    """
    rendered = (
        structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            rendered,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # It logs every note of the server, and one may quote a value.
    logging.getLogger("asyncmy").setLevel(logging.ERROR)
