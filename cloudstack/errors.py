r"""What a CloudStack call can end in, sorted by what the caller may do next.

::

    CloudStackError
    ├── NotExecuted            it certainly did not run: send it again, later
    │   ├── Unreachable            connection refused, no such host, no connection in time
    │   ├── Throttled              429
    │   └── Maintenance            503 from CloudStack itself
    ├── OutcomeUnknown         it may have run: read the state first
    │   └── WatcherClosed          nobody waits for the job any more, which runs on
    ├── Refused                it did not run and will not: somebody must change something
    │   ├── InvalidParameter       431
    │   ├── NotAuthenticated       401
    │   ├── NotPermitted           531
    │   ├── QuotaExceeded          532, 535
    │   ├── BadRequest             400, 405, 411, 414, 430, 432, 511, 537
    │   └── NotTrusted             the server's TLS certificate
    └── ServerFault            the server tried: read the state, then retry within bounds
        ├── InternalFault          530
        ├── NoCapacity             533
        ├── Unavailable            534
        └── InUse                  536

Every row of cloudstack-api.md, section 1.8. "Re-sent here" is what `cloudstack.transport.Transport` does
by itself: a read (``list*``, ``get*``, ``query*``, ``find*``) is repeated up to ``read_retries`` times after
`NotExecuted` and `OutcomeUnknown`; a write is never repeated, but for one new signature after a 401.

================================  ==================  ======================  ===============================
Answer                            Error               Re-sent here            What the caller does
================================  ==================  ======================  ===============================
connection refused, DNS           Unreachable         reads                   retry, nothing ran
reply lost, timeout               OutcomeUnknown      reads                   a write: look, then decide
200 that is no CloudStack reply   OutcomeUnknown      reads                   a write: look, then decide
401                               NotAuthenticated    once, signed afresh     stop: key, secret, clock, rights
429                               Throttled           reads                   retry, nothing ran
431 from CloudStack               InvalidParameter    no                      read the state: it may be done
414, or 431 without JSON          BadRequest          no                      stop: the request is too long
400, 405, 430, 432                BadRequest          no                      stop
503 from CloudStack               Maintenance         reads                   retry, nothing ran
502, 503, 504 and any other       OutcomeUnknown      reads                   a write: look, then decide
status without JSON (404 too)
511, 411                          BadRequest          no                      stop: the key wants two factors
530                               InternalFault       no                      look (it may have left a VM in
                                                                              Error), then a bounded retry
531                               NotPermitted        no                      stop: an operator is needed
532, 535                          QuotaExceeded       no                      stop: an operator is needed
533                               NoCapacity          no                      retry slowly and within bounds
534                               Unavailable         no                      look, then retry with backoff
536                               InUse               no                      retry when the blocker is gone
537                               BadRequest          no                      stop
any other code from CloudStack    OutcomeUnknown      reads                   a write: look, then decide
3xx, 403, 407, 413 without JSON   BadRequest          no                      stop: a proxy is in the way
================================  ==================  ======================  ===============================

A failed job carries the same codes and is given the same classes by `cloudstack.models.JobOutcome.error`;
there, code 0 and a missing result mean `OutcomeUnknown`.

Only codes decide. The texts are CloudStack's, for people: a caller without root rights gets a generic one.
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

TEXT_LIMIT = 300
"""Characters of CloudStack's text that are kept."""


def clipped(text: str) -> str:
    """Return a text on one line and no longer than `TEXT_LIMIT`."""
    line = " ".join(text.split())
    return line if len(line) <= TEXT_LIMIT else line[: TEXT_LIMIT - 1] + "…"


class CloudStackError(Exception):
    """A call or a job that did not succeed.

    Attributes:
        command: The API command, such as ``deployVirtualMachine``.
        code: The HTTP status or CloudStack's ``errorcode``, which agree; None when nothing was received.
        cs_code: CloudStack's ``cserrorcode``, a hint within one code; None when it was not given.
        text: What CloudStack said, on one line and cut to `TEXT_LIMIT` characters. Never decide on it.
    """

    def __init__(self, command: str, code: int | None, cs_code: int | None, text: str) -> None:
        super().__init__(command, code, cs_code, clipped(text))
        self.command = command
        self.code = code
        self.cs_code = cs_code
        self.text = clipped(text)

    def __str__(self) -> str:
        answer = "no answer" if self.code is None else str(self.code)
        if self.cs_code is not None:
            answer += f"/{self.cs_code}"
        return f"{self.command}: {answer}: {self.text}"


class NotExecuted(CloudStackError):
    """The command certainly did not run. Sending it again later is safe, for writes too."""


class Unreachable(NotExecuted):
    """No connection came about: refused, unknown host, or not established in time.

    So it is for the half minute that a management server needs to start (observed, section 21).
    """


class Throttled(NotExecuted):
    """The account used up its calls of this second; the command was not run (observed, section 8)."""


class Maintenance(NotExecuted):
    """The server is shutting down and accepts no new job; nothing is left behind (observed, section 21)."""


class OutcomeUnknown(CloudStackError):
    """The command may or may not have run, or may still be about to."""


class WatcherClosed(OutcomeUnknown):
    """A wait for a job ended before the job did: the worker stops, and another one has to ask again."""


class Refused(CloudStackError):
    """The command did not run and will not run when it is sent again unchanged."""


class InvalidParameter(Refused):
    """A validation failed: also "exists already", "is already running" and "no such entity".

    Reading the state may show that what was asked for is the case.
    """


class NotAuthenticated(Refused):
    """Wrong key or secret, an expired request (clocks!), or a command that this key does not know."""


class NotPermitted(Refused):
    """The key may not do this, or not with this resource."""


class QuotaExceeded(Refused):
    """A limit of the account, domain or project is reached; nothing is left behind (observed, section 19)."""


class BadRequest(Refused):
    """The request itself is wrong, or something between us and CloudStack does not let it pass."""


class NotTrusted(Refused):
    """The server's TLS certificate is not one that the configured authorities vouch for."""


class ServerFault(CloudStackError):
    """The server began and failed; an effect is possible."""


class InternalFault(ServerFault):
    """CloudStack's catch-all (530); a deploy may have left a VM in state Error (observed, section 1)."""


class NoCapacity(ServerFault):
    """No host, address or VLAN is free (533); also while hosts reconnect after a restart of the server."""


class Unavailable(ServerFault):
    """A host, a storage or a router does not answer (534)."""


class InUse(ServerFault):
    """Something else still uses the resource (536)."""


_FROM_CLOUDSTACK: Mapping[int, type[CloudStackError]] = MappingProxyType(
    {
        400: BadRequest,
        401: NotAuthenticated,
        405: BadRequest,
        411: BadRequest,
        414: BadRequest,
        429: Throttled,
        430: BadRequest,
        431: InvalidParameter,
        432: BadRequest,
        503: Maintenance,
        511: BadRequest,
        530: InternalFault,
        531: NotPermitted,
        532: QuotaExceeded,
        533: NoCapacity,
        534: Unavailable,
        535: QuotaExceeded,
        536: InUse,
        537: BadRequest,
    }
)

# Statuses that the web server or a proxy gives before a command can be read out of the request.
_FROM_THE_WAY: Mapping[int, type[CloudStackError]] = MappingProxyType(
    {
        400: BadRequest,
        401: NotAuthenticated,
        403: BadRequest,
        405: BadRequest,
        407: BadRequest,
        411: BadRequest,
        413: BadRequest,
        414: BadRequest,
        429: Throttled,
        431: BadRequest,
    }
)


def error_class(code: int, *, from_cloudstack: bool = True) -> type[CloudStackError]:
    """Return the class of an error code, by the table above.

    Args:
        code: CloudStack's ``errorcode``, a failed job's ``jobresultcode``, or an HTTP status.
        from_cloudstack: False when the answer was not CloudStack's JSON, so the status is somebody else's.
    """
    if from_cloudstack:
        return _FROM_CLOUDSTACK.get(code, OutcomeUnknown)
    if HTTPStatus.MULTIPLE_CHOICES <= code < HTTPStatus.BAD_REQUEST:
        return BadRequest
    return _FROM_THE_WAY.get(code, OutcomeUnknown)
