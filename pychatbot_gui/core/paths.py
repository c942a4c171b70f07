"""Where files live. The only file that knows platformdirs.

`PYCHATBOT_HOME=/some/dir` puts `config/`, `data/`, `cache/` and `logs/` under it, and nothing is
then written elsewhere. Nothing here creates a folder: whoever writes does.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Paths:
    """The folders of one person."""

    config: Path
    data: Path
    cache: Path
    logs: Path

    @property
    def settings_file(self) -> Path:
        """The person's settings."""
        return self.config / "model_parameters.json"

    @property
    def state_file(self) -> Path:
        """What the window remembers: recent models, its size, the unsent text."""
        return self.data / "window_state.json"

    @property
    def conversations(self) -> Path:
        """The database of all conversations."""
        return self.data / "conversations.db"

    @property
    def backups(self) -> Path:
        """Its daily copies."""
        return self.data / "backups"

    @property
    def presets(self) -> Path:
        """The person's own presets, a file each."""
        return self.config / "presets"

    @property
    def snapshots(self) -> Path:
        """What the model has read in each chat. It can be deleted at any time."""
        return self.cache / "snapshots"

    @property
    def log_file(self) -> Path:
        """The program's own log. It never holds the text of a conversation."""
        return self.logs / "pychatbot.log"


def user_paths() -> Paths:
    """Folders of the current user, or those under `PYCHATBOT_HOME` where that is set."""
    home = os.environ.get("PYCHATBOT_HOME")
    if home:
        root = Path(home).expanduser().absolute()
        return Paths(root / "config", root / "data", root / "cache", root / "logs")
    dirs = platformdirs.PlatformDirs("pychatbot", appauthor=False)
    return Paths(
        dirs.user_config_path, dirs.user_data_path, dirs.user_cache_path, dirs.user_log_path
    )


def shipped(*parts: str) -> Path:
    """Path of a file that comes with the program, e.g. `shipped("configs", "model_parameters.json")`.

    In a wheel the folders lie inside the package, in a checkout beside it.
    """
    inside = _PACKAGE.joinpath(*parts)
    return inside if inside.exists() else _PACKAGE.parent.joinpath(*parts)
