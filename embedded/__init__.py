"""The embedded stack behind ``make demo`` and ``make up``: a development tool, never a deployment.

It runs a real Temporal dev server, an SQLite database with sample data, the two simulators and the worker
as processes of its own, with an environment of its own, so that nothing that is configured on the machine
(CloudStack, VMA, database, Temporal) can be reached through it.
"""
