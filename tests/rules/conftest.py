from hypothesis import HealthCheck, settings

# A busy machine is no failure: only what a property says counts, never how long it took.
settings.register_profile("rules", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rules")
