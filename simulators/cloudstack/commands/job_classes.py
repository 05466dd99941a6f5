"""Names of the server's classes, which jobs show as ``cmd``."""

from simulators.cloudstack.commands.invocation import Invocation

_COMMANDS = "org.apache.cloudstack.api.command"


def job_class(inv: Invocation, package: str, name: str) -> str:
    """Return the class of a command that root admins have a variant of, as for VMs and volumes."""
    if inv.caller.is_root_admin:
        return f"{_COMMANDS}.admin.{package}.{name}ByAdmin"
    return user_job_class(package, name)


def user_job_class(package: str, name: str) -> str:
    """Return the class of a command that is the same for everybody."""
    return f"{_COMMANDS}.user.{package}.{name}"
