"""What every test may ask for: a Temporal server, a MariaDB, and a whole site on them."""

pytest_plugins = [
    "tests.support.temporal",
    "tests.support.mariadb",
    "tests.support.schemas",
    "tests.support.site",
    "tests.support.temporal_command",
]
