"""An answer on its way to the speaker: its sentences, how long each takes, and how much of it was heard."""

from dataclasses import dataclass, field

from clawft.domain.sessions import ChatMessage
from clawft.domain.speakable import Sentences, as_interrupted, heard_of
from clawft.runtime import Reply

QUIET = 0.25
"""Seconds that may still be in buffers when all of it has been played."""


@dataclass
class Answer:
    """``number`` counts answers. ``session`` is where it is kept; empty: it is no message."""

    number: int
    session: str = ""
    reply: "Reply[ChatMessage] | None" = None
    """Of the turn that makes it."""
    streamed: str = ""
    sentences: list[str] = field(default_factory=list)
    seconds: dict[int, float] = field(default_factory=dict)
    """By sentence, those that are synthesised."""
    played: float = 0.0
    is_whole: bool = False
    """No more text comes."""
    is_begun: bool = False
    """The first sound of it was heard."""
    is_held: bool = False
    """Faded out because somebody spoke; nobody knows yet whether to go on."""
    _splitter: Sentences = field(default_factory=Sentences)

    def add(self, text: str) -> tuple[str, ...]:
        """The next piece, while it is made. The answer: sentences to be spoken now."""
        self.streamed += text
        return self._kept(self._splitter.add(text))

    def finish(self, content: str) -> tuple[str, ...]:
        """All of it, as it was stored: what was not streamed is spoken too."""
        rest = content[len(self.streamed) :] if content.startswith(self.streamed) else ""
        self.is_whole = True
        return self._kept((*self._splitter.add(rest), *self._splitter.end()))

    def say(self, text: str) -> tuple[str, ...]:
        """Something complete, spoken in between."""
        splitter = Sentences()
        return self._kept((*splitter.add(text), *splitter.end()))

    def _kept(self, found: tuple[str, ...]) -> tuple[str, ...]:
        self.sentences += found
        return found

    @property
    def is_quiet(self) -> bool:
        """Whether all that was given to be said has been."""
        return len(self.seconds) == len(self.sentences) and self.played >= sum(self.seconds.values()) - QUIET

    @property
    def heard(self) -> str:
        lengths = [self.seconds.get(number, float("inf")) for number in range(len(self.sentences))]
        return heard_of(list(zip(self.sentences, lengths, strict=True)), self.played)

    @property
    def as_heard(self) -> str:
        """As it is kept when it was interrupted."""
        return as_interrupted(self.sentences, self.heard)
