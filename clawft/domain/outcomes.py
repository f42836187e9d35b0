"""Outcomes: how often a model did well with a kind of request. What the learner keeps."""

from clawft.domain.routing import Kind
from clawft.domain.values import Value


class Outcome(Value, frozen=True):
    """All tries of one model at one kind of request."""

    kind: Kind
    model: str
    tries: int
    successes: int
    latency_ms: int
    """Summed over the tries."""

    @property
    def share(self) -> float:
        """The part of the tries that went well; 0 before the first."""
        return self.successes / self.tries if self.tries else 0.0
