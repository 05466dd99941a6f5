"""What can go wrong when the source side is asked.

::

    VmaError
    |-- SourceUnreachable      nobody answers: a disaster, other sources of the NICs may be used
    |     |-- VmaUnreachable       the agent does not answer (refused, hangs, tunnel down)
    |     |-- VcenterUnreachable   the agent answers 500 since its vCenter does not answer
    |     `-- PowerUnknown         a power call got no clear answer: neither on, nor off, nor gone
    `-- SourceRefused          somebody answers and says no: wrong credential, datacenter, request
"""


class VmaError(Exception):
    """The source side did not give what was asked for. Its text holds no credential."""


class SourceUnreachable(VmaError):
    """The source side cannot be asked now."""


class VmaUnreachable(SourceUnreachable):
    """The agent itself does not answer."""


class VcenterUnreachable(SourceUnreachable):
    """The agent answers, its vCenter does not."""


class PowerUnknown(SourceUnreachable):
    """The agent answers a power call with anything but a clear success."""


class SourceRefused(VmaError):
    """The source side answers and refuses: no disaster, but something to mend."""
