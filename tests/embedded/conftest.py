"""The fixture of the tests that run the stack as a process."""

from tests.support.stack_process import appliance

__all__ = ["appliance"]
