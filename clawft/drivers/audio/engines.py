"""What hears and what speaks: what an engine of speech must do.

Engines live in the process of ``speech_child`` and block there as long as they need: one utterance at a time
is recognised, one text at a time is spoken. Sound is 16-bit mono, little-endian.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

RATE = 16_000
"""Samples a second of what is recognised."""


PIECE = RATE // 5
"""Bytes that are taken at once: 100 ms."""


class EngineFailed(Exception):
    """An engine did not do its work; the sentence says which and why, for the person who spoke."""


class Sound(NamedTuple):
    """A piece of what is spoken."""

    rate: int
    """Samples a second."""
    pcm: bytes


class Recogniser(Protocol):
    """Speech to text."""

    @property
    def name(self) -> str:
        """As the status shows it: ``pocketsphinx``, ``wyoming``..."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Two-letter codes it understands; empty: it does not say."""

    def begin(self, language: str) -> None:
        """An utterance begins. Forgets one that was not ended."""

    def take(self, pcm: bytes) -> str:
        """More of it, at ``RATE``. The words so far, or nothing where the engine has none before the end."""

    def end(self) -> str:
        """The utterance is over: its words, empty when there were none. Raises ``EngineFailed``."""

    def recognise(self, pcm: bytes, language: str) -> str:
        """The words of a whole recording. Raises ``EngineFailed``."""


class InPieces:
    """For engines that take a recording as they take an utterance."""

    def recognise(self: "Recogniser", pcm: bytes, language: str) -> str:
        self.begin(language)
        for at in range(0, len(pcm), PIECE):
            self.take(pcm[at : at + PIECE])
        return self.end()


class Synthesiser(Protocol):
    """Text to speech."""

    @property
    def name(self) -> str: ...

    @property
    def languages(self) -> tuple[str, ...]:
        """Two-letter codes it speaks; empty: it does not say."""

    def speak(self, text: str, language: str) -> Iterator[Sound]:
        """The sound, piece by piece as it is made. Closing the iterator ends the work.

        Raises ``EngineFailed``.
        """


class WakeWord(Protocol):
    """A detector of one phrase."""

    @property
    def phrase(self) -> str:
        """``hey jarvis``"""

    def feed(self, pcm: bytes) -> bool:
        """The next 10 ms at ``RATE``: whether the phrase has just ended."""

    def reset(self) -> None:
        """Forget what was heard."""
