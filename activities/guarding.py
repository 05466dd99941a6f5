"""The production guard as those ask it who are about to do something."""

from collections.abc import Awaitable, Callable

from activities.messages.networks import GuardRequest

Guard = Callable[[GuardRequest], Awaitable[object]]
"""Looks on fresh rows, and raises ProductionNetworkRefused for a test that would touch production."""
