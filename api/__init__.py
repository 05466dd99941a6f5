"""The HTTP API: the job sheet's routes in the original's envelope, on aiohttp. ``python -m api`` runs it."""
