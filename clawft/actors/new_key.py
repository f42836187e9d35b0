"""New keys: names for what is made, safe in a URL and never given twice."""

import random
from typing import Literal

_random = (
    random.Random()
)  # seeded by the system; a key is no secret, and the system's own source takes 400 us


def new_key(kind: Literal["sess", "turn", "run", "call", "del", "cron", "dlv", "appr"]) -> str:
    """A key such as ``sess-3f9c2a7be01d4c58``: 64 random bits."""
    return f"{kind}-{_random.getrandbits(64):016x}"
