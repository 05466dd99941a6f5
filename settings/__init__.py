"""Settings from the environment and ``.env``: one place, one message per wrong setting."""

from settings.reading import ENV_FILE_SETTING, DatabaseUrl, SettingsError, read_settings
from settings.settings import WorkerSettings, load_settings

__all__ = [
    "ENV_FILE_SETTING",
    "DatabaseUrl",
    "SettingsError",
    "WorkerSettings",
    "load_settings",
    "read_settings",
]
