"""What can go wrong while the embedded stack starts or runs.

::

    StackError                 the command ends with exit_code (1 where nothing else is said)
    ├── BadStackSetting        a FAILOVER_UP_* setting is no port, or two of them name one (exit 2)
    ├── PortTaken              another program listens where a part of the stack wants to (exit 2)
    ├── TemporalCliUnavailable no rung of the ladder in embedded.temporal_cli led to a Temporal CLI (exit 2)
    ├── ComponentFailed        a part ended or did not get ready; carries the last lines of its log
    └── UnexpectedRun          a demo failover did not end as it must

Two more end one rung of that ladder, and never leave it:

::

    NotMade                    embedded.makers: a CLI could not be downloaded or built
    NotUsable                  embedded.temporal_cli: what is there is no Temporal CLI that runs

Every message is written for the person who typed the command: it names the part and what to do next.
"""

from typing import ClassVar


class StackError(Exception):
    """The embedded stack cannot start or go on; the message says why and what to do."""

    exit_code: ClassVar[int] = 1


class BadStackSetting(StackError):
    """A setting of the stack cannot be used as it is."""

    exit_code = 2


class PortTaken(StackError):
    """A port that the stack needs is in use; the message names the setting that moves it."""

    exit_code = 2


class TemporalCliUnavailable(StackError):
    """No Temporal CLI could be found, downloaded or built; the message says what to install."""

    exit_code = 2


class ComponentFailed(StackError):
    """A part of the stack ended, or did not get ready in time.

    Attributes:
        component: The part's name as the stack reports it.
        log_tail: The last lines that it wrote.
    """

    def __init__(self, component: str, reason: str, log_tail: str) -> None:
        self.component = component
        self.log_tail = log_tail
        shown = log_tail or "(it wrote nothing)"
        super().__init__(f"{component} {reason}. The last lines of its log:\n{shown}")


class UnexpectedRun(StackError):
    """A failover of the demo ended otherwise than the demo is made to show."""
