"""The effects of a failover: one class per external system, clients injected, every activity idempotent.

Workflows import ``activities.messages`` and ``activities.failures`` only; the other modules reach databases
and networks and stay outside the workflow sandbox.
"""
