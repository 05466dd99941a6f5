"""The options of a request, the same for every command that takes one."""

import functools
import getpass
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final

import typer

from cli.codes import ExitCode
from cli.session import WrongUse
from client import FailoverType, NetworkStrategy
from rules.disks import DisksMode
from rules.request import VmNaming


def _flag(name: str, text: str) -> Any:  # noqa: ANN401 - an annotation, made at run time
    return Annotated[bool, typer.Option(f"--{name}", help=text)]


def _said(kind: Any, text: str, *names: str, **more: Any) -> Any:  # noqa: ANN401 - an annotation, made at run time
    return Annotated[kind | None, typer.Option(*names, help=text, **more)]


_OPTIONS: Final[tuple[tuple[str, Any, Any], ...]] = (
    (
        "failover_type",
        _said(
            FailoverType,
            "live when the site is lost, test for a drill. There is no default.",
            "--type",
            "-t",
        ),
        None,
    ),
    (
        "disks",
        _said(
            DisksMode,
            "replicated: the machine from its replicated disks; none: a rehearsal of the networks."
            " Left out, the site decides.",
        ),
        None,
    ),
    (
        "source_lost",
        _flag("source-lost", "Live: the source is lost and does not come back by itself; needs --reason."),
        False,
    ),
    (
        "no_final_sync",
        _flag("no-final-sync", "Live: no sync once the source is off, so data is lost; needs --reason."),
        False,
    ),
    (
        "accept_recovery_point",
        _flag(
            "accept-recovery-point",
            "Live: go on with a replica that an interrupted sync tore; needs --reason.",
        ),
        False,
    ),
    (
        "waive_snapshots",
        _flag("waive-snapshots", "Live: no rollback snapshots, so no way back; needs --reason."),
        False,
    ),
    ("boot_disk", _said(str, "The disk id that the VM boots from, where several may be it."), None),
    ("firmware", _said(str, "bios or uefi, where replication does not know."), None),
    ("skip_virtio", _flag("skip-virtio", "The guest boots on KVM as it is: do not convert it."), False),
    ("test_duration", _said(str, "Test: how long its VM lives: 90s, 30m, 4h, 2d."), None),
    ("vm_name", _said(str, "If given, must be the context's."), None),
    ("vmware_vm_id", _said(str, "If given, must be the context's."), None),
    ("vm_id", _said(str, "If given, must be the context's."), None),
    ("network_strategy", _said(NetworkStrategy, "Left out, it follows from the type."), None),
    (
        "network",
        _said(
            list[str],
            "Map a source network by hand; once for each.",
            "--network",
            metavar="SOURCE=NETWORK_ID",
        ),
        None,
    ),
    ("vm_naming", _said(VmNaming, "Left out, it follows from the type."), None),
    (
        "allow_production_network",
        _flag("allow-production-network", "Let a test use a production network; needs --reason."),
        False,
    ),
    ("reason", _said(str, "Why, for the record."), None),
    ("user_id", _said(str, "Who asks, for the record; your login name if left out."), None),
)
_WHO_ASKS: Final = "user_id"


def takes_request(work: Callable[..., Awaitable[ExitCode]]) -> Callable[..., Awaitable[ExitCode]]:
    """Give a command the options of a request; it gets what was said as ``asked``, and ``user_id``."""

    @functools.wraps(work)
    async def with_request(session: object, **options: Any) -> ExitCode:  # noqa: ANN401 - typer's own values
        said = {name: options.pop(name) for name, _, _ in _OPTIONS}
        user_id = said.pop(_WHO_ASKS) or login_name()
        return await work(session, asked=_request(**said), user_id=user_id, **options)

    session, *own = (
        one for one in inspect.signature(work).parameters.values() if one.name not in ("asked", _WHO_ASKS)
    )
    extra = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, kind, default in _OPTIONS
    ]
    with_request.__signature__ = inspect.Signature([session, *own, *extra])  # type: ignore[attr-defined]  # command reads it
    return with_request


def one_request(context_id: str | None, asked: dict[str, Any], user_id: str) -> dict[str, Any]:
    """Put the request of one failover together.

    Raises:
        WrongUse: Context or type is missing.
    """
    if not context_id or "failover_type" not in asked:
        raise WrongUse("a failover needs CONTEXT_ID and --type live or --type test; or give --file")
    return {"context_id": context_id, **asked, _WHO_ASKS: user_id}


def login_name() -> str:
    """Return who runs this program, for the record."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A container's user may have no name.
        return "unknown"


def _request(*, no_final_sync: bool, network: Sequence[str] | None, **fields: object) -> dict[str, Any]:
    mapped = {
        **fields,
        # A flag that is not given is not said: the request's own default holds.
        **{
            name: True if value is True else None for name, value in fields.items() if isinstance(value, bool)
        },
        "perform_final_sync": False if no_final_sync else None,
        "network_mappings": _mappings(network or ()) or None,
    }
    return {name: value for name, value in mapped.items() if value is not None}


def _mappings(given: Sequence[str]) -> dict[str, str]:
    mappings: dict[str, str] = {}
    for one in given:
        source, equals, network_id = one.rpartition("=")
        if not (source and equals and network_id):
            raise WrongUse("--network is SOURCE=NETWORK_ID, such as --network 'VM Network=0c1d...'")
        if mappings.setdefault(source, network_id) != network_id:
            raise WrongUse(f"--network maps {source!r} twice")
    return mappings
