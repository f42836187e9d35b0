"""New keys: names for what is made, safe in a URL and never given twice."""

import secrets
from typing import Literal


def new_key(kind: Literal["sess", "turn", "run", "del", "cron"]) -> str:
    """A key such as ``sess-3f9c2a7be01d4c58``: 64 random bits."""
    return f"{kind}-{secrets.token_hex(8)}"
