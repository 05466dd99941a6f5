"""The rules of a failover, without any I/O: request, NICs, networks, names, identity, outcomes."""
