"""Settings from the environment and ``.env``: one place, one message per wrong setting."""

from settings.settings import SettingsError, WorkerSettings, load_settings

__all__ = ["SettingsError", "WorkerSettings", "load_settings"]
