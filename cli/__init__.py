"""The command line ``failover``: everything an operator does with failovers, over Temporal only."""
