"""Where a host keeps what it must not lose."""

import os
from pathlib import Path


def data_folder(given: Path | None = None) -> Path:
    """The folder asked for, else ``CLAWFT_HOME``, else the platform's folder for an application's state."""
    if given is not None:
        return given.expanduser().absolute()
    if home := os.environ.get("CLAWFT_HOME"):
        return Path(home).expanduser().absolute()
    from platformdirs import user_state_path

    return user_state_path("clawft", appauthor=False)
