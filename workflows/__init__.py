"""The runbook: pure decisions, no database and no network, not even through an import."""
