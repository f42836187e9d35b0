"""Figures: what came of a fault, as one line, and what does not hold."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Figures:
    """``wrong`` says in sentences what does not hold."""

    name: str
    said: list[str] = field(default_factory=list)
    wrong: tuple[str, ...] = ()

    def note(self, words: str) -> None:
        self.said.append(words)

    def must(self, holds: bool, words: str) -> None:
        """It is said, and wrong unless it holds."""
        self.said.append(words)
        if not holds:
            self.wrong += (words,)

    def __str__(self) -> str:
        return f"{self.name}: {'; '.join(self.said)}; wrong: {len(self.wrong)}"


Run = Callable[[bool], Figures]
"""``run(long)``."""
