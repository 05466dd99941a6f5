"""Faults that a test or an operator of the demo can order from the simulator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

ANY_COMMAND = "*"


class FaultKind(StrEnum):
    """What goes wrong. The number in brackets is the HTTP status or job code."""

    LOST_BEFORE_EFFECT = "lost-before-effect"
    """The connection drops, nothing was done."""
    LOST_AFTER_EFFECT = "lost-after-effect"
    """The command is carried out, then the connection drops without a reply."""
    THROTTLED = "throttled"
    """(429) before execution, as in section 8."""
    MAINTENANCE = "maintenance"
    """(503) as JSON, before execution, as in section 21."""
    INTERNAL = "internal"
    """(530) at submit, nothing was done."""
    INTERNAL_WITH_ERROR_VM = "internal-with-error-vm"
    """(530) at submit of a deploy that leaves a VM in Error, which holds the customid (section 1)."""
    NO_CAPACITY = "no-capacity"
    """(533) at submit, nothing was done."""
    QUOTA = "quota"
    """(535) at submit, nothing was done (section 19)."""
    REFUSED = "refused"
    """(``code``, 431 if not given) at submit, nothing was done."""
    PROXY_HTML = "proxy-html"
    """(502, or ``code``) an HTML page from something in between; with ``effect`` after execution."""
    UNAUTHORIZED_ONCE = "unauthorized-once"
    """(401) although the signature is right."""
    HANG = "hang"
    """The request reaches the server ``seconds`` late, so its expiry is judged then; with ``effect`` it is
    carried out at once and only the reply is late."""
    JOB_FAILS = "job-fails"
    """The job ends with ``code`` and a jobresult, its effect undone as the real server does."""
    JOB_FAILS_WITHOUT_RESULT = "job-fails-without-result"
    """The job ends with ``code`` and neither jobresult nor jobresulttype (section 8)."""
    JOB_SLOW = "job-slow"
    """The job takes ``seconds`` longer."""
    JOB_EXPIRED = "job-expired"
    """The job does its work and is forgotten at once: a query gives 431."""
    WRONG_NIC_ORDER = "wrong-nic-order"
    """On a deploy the VM is made with its NICs in reverse order; on listVirtualMachines the reply says so."""
    WRONG_MAC = "wrong-mac"
    """On a deploy the VM gets other MACs than asked for; on listVirtualMachines the reply says so."""


class FaultStage(StrEnum):
    """Where in a request a fault acts; a request meets at most one fault of each stage."""

    TRANSPORT = "transport"
    JOB = "job"
    NICS = "nics"


_STAGES: Mapping[FaultKind, FaultStage] = {
    FaultKind.JOB_FAILS: FaultStage.JOB,
    FaultKind.JOB_FAILS_WITHOUT_RESULT: FaultStage.JOB,
    FaultKind.JOB_SLOW: FaultStage.JOB,
    FaultKind.JOB_EXPIRED: FaultStage.JOB,
    FaultKind.WRONG_NIC_ORDER: FaultStage.NICS,
    FaultKind.WRONG_MAC: FaultStage.NICS,
}

_DEFAULT_CODES: Mapping[FaultKind, int] = {FaultKind.PROXY_HTML: 502, FaultKind.REFUSED: 431}


@dataclass(slots=True)
class Fault:
    """One order: the next ``times`` matching requests go wrong.

    Attributes:
        command: The API command that it waits for, or ``*`` for any.
        times: How many requests it meets; None for all of them until it is cleared.
        skip: How many matching requests pass unharmed first.
        match: Decides on the request's parameters (names in lower case, no credential among them).
        code: For JOB_FAILS, JOB_FAILS_WITHOUT_RESULT (530 if not given), REFUSED (431) and PROXY_HTML (502).
        text: The errortext of JOB_FAILS and REFUSED.
        seconds: For HANG and JOB_SLOW.
        effect: For HANG and PROXY_HTML: the command is carried out first.
    """

    command: str
    kind: FaultKind
    times: int | None = 1
    skip: int = 0
    match: Callable[[Mapping[str, str]], bool] | None = None
    code: int | None = None
    text: str = "simulated failure"
    seconds: float = 0.0
    effect: bool = False

    @property
    def stage(self) -> FaultStage:
        """Where in the request it acts."""
        return _STAGES.get(self.kind, FaultStage.TRANSPORT)

    @property
    def outcome_code(self) -> int:
        """The code to answer or end the job with."""
        return _DEFAULT_CODES.get(self.kind, 530) if self.code is None else self.code

    def wants(self, command: str, params: Mapping[str, str]) -> bool:
        """Tell whether it is still due and this request is one that it waits for."""
        return (
            self.times != 0
            and self.command in (ANY_COMMAND, command)
            and (self.match is None or self.match(params))
        )


class Faults:
    """The faults that are due, in the order in which they were added."""

    def __init__(self) -> None:
        self._due: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Order a fault, and return it, so that a test can look at what is left of it."""
        self._due.append(fault)
        return fault

    def clear(self) -> None:
        """Forget every fault."""
        self._due.clear()

    @property
    def due(self) -> list[Fault]:
        """Those that have not been used up."""
        return [fault for fault in self._due if fault.times != 0]

    def take(self, command: str, params: Mapping[str, str]) -> dict[FaultStage, Fault]:
        """Use up and return the first due fault of each stage for this request."""
        taken: dict[FaultStage, Fault] = {}
        for fault in self._due:
            if fault.stage in taken or not fault.wants(command, params):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
            taken[fault.stage] = fault
        return taken
