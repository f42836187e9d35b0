"""Retries: whether and when a failed call to a model is made again."""

from clawft.errors import ModelFailed

TRIES = 3
"""How often one model is asked for one answer."""
FIRST, LONGEST = 0.5, 8.0
"""Seconds: the pause before the second try, doubling up to the longest; a random half of it is taken off
(decorrelates clients: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015)."""
LONGEST_WISH = 60.0
"""Seconds a provider may ask us to wait; a turn does not live much longer than that."""


def pause_before(attempt: int, failure: ModelFailed, chance: float) -> float | None:
    """Seconds to wait before the ``attempt``-th try (from 2); None: trying again is no use.

    ``chance`` is a random number in [0, 1).
    """
    if not failure.may_help or attempt > TRIES:
        return None
    wished = failure.retry_after or 0.0
    if wished > LONGEST_WISH:
        return None
    grown = min(LONGEST, FIRST * 2.0 ** (attempt - 2))
    return float(max(wished, grown * (1 - chance / 2)))
