"""Turn taking: who is speaking, decided from how likely each 32 ms of the microphone are speech.

Pure: time is counted in pieces of sound. The figures are those of the field's voice assistants (Home
Assistant Assist, OpenAI Realtime, LiveKit Agents) and of measurements with Silero VAD on synthesised voices.
"""

from collections import deque
from typing import Literal

from clawft.domain.values import Value

PIECE = 0.032
"""Seconds of sound one probability is of: 512 samples at 16 kHz, Silero's window."""
SPEECH = 0.5
"""From this probability on a piece counts as speech: Silero's own threshold."""
STARTS_AFTER, STARTS_WITHIN = 3, 4
"""Pieces of speech, of how many, that begin an utterance: about 100 ms."""
BARGES_AFTER, BARGES_WITHIN = 5, 6
"""The same while the host itself speaks: 160 to 192 ms, so that what the echo canceller lets through is not
taken for a person."""

WhyEnded = Literal["silence", "too_long", "released", "nothing"]
"""``nothing``: nobody said anything in time, or only made a noise."""


class Rules(Value, frozen=True):
    """How patient it is, in seconds."""

    silence: float = 0.65
    """That ends an utterance."""
    shortest: float = 0.2
    """Less speech than this was a noise."""
    longest: float = 15.0
    """An utterance is cut here."""
    patience: float = 8.0
    """To wait for the first word; 0: for ever."""
    hold_after_overrun: float = 1.0
    """No barge-in for so long after samples were lost: the echo canceller has to find its way back."""
    hold_after_own_voice: float = 0.3
    """Half-duplex: the microphone is ignored for so long after the host has spoken."""


class Began(Value, frozen=True):
    """Somebody speaks. ``aside``: while the host thinks, so it is no answer to anything."""

    aside: bool = False
    interrupting: bool = False
    """The host was speaking, and is interrupted."""


class Ended(Value, frozen=True):
    """An utterance is over, or none came."""

    why: WhyEnded


class TurnTaking:
    """Fed with probabilities. ``listen`` waits for an utterance; ``wait`` only minds what is said aside."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.half_duplex = False
        """Echo cancelling is off: the host would hear itself."""
        self.mode: Literal["idle", "listening", "waiting"] = "idle"
        self.hearing = False
        """Whether an utterance is under way."""
        self.playing = False
        """Whether the host itself is to be heard."""
        self._pressed = False
        self._recent: deque[bool] = deque(maxlen=BARGES_WITHIN)
        self._spoken = self._quiet = self._heard = 0.0
        self._waited = 0.0
        self._patience = 0.0
        self._held = 0.0

    # -- what the host is told to do

    def listen(self, *, patience: float | None = None) -> None:
        self._set("listening")
        self._waited = 0.0
        self._patience = self.rules.patience if patience is None else patience

    def wait(self) -> None:
        """The host thinks or speaks."""
        self._set("waiting")

    def rest(self) -> None:
        self._set("idle")

    def press(self) -> Began | None:
        """The button: an utterance begins at once, whatever is under way, and ends with ``release``."""
        if self._pressed:
            return None
        interrupting = self.playing
        self._set("waiting")
        self._begin()
        self._pressed = True
        return Began(interrupting=interrupting)

    def release(self) -> Ended | None:
        if not self._pressed:
            return None
        self._pressed = self.hearing = False
        return Ended("released")

    def start_playing(self) -> None:
        self.playing = True
        self._recent.clear()

    def stop_playing(self) -> None:
        if self.playing:
            self.playing = False
            self._recent.clear()
            if self.half_duplex:
                self._held = max(self._held, self.rules.hold_after_own_voice)

    def overrun(self) -> None:
        """Samples were lost."""
        self._held = max(self._held, self.rules.hold_after_overrun if self.playing else 0.0)
        self._recent.clear()

    # -- what is heard

    @property
    def needs_ear(self) -> bool:
        """Whether anything depends on what is said now."""
        return self.mode != "idle" or self.hearing

    def hear(self, probability: float) -> Began | Ended | None:
        """The next piece of sound."""
        held, self._held = self._held > 0, max(0.0, self._held - PIECE)
        if self._pressed:
            return self._hear_pressed()
        if (self.half_duplex and (self.playing or held)) or (self.playing and held):
            return None
        is_speech = probability > SPEECH
        if self.hearing:
            return self._go_on(is_speech)
        if self.mode == "idle":
            return None
        self._recent.append(is_speech)
        return self._start()

    def _hear_pressed(self) -> Ended | None:
        self._heard += PIECE
        if self._heard < self.rules.longest:
            return None
        self._pressed = self.hearing = False
        return Ended("too_long")

    def _start(self) -> Began | Ended | None:
        interrupting = self.playing and self.mode == "waiting"
        needed, within = (BARGES_AFTER, BARGES_WITHIN) if interrupting else (STARTS_AFTER, STARTS_WITHIN)
        newest = list(self._recent)[-within:]
        if len(newest) >= needed and sum(newest) >= needed:
            aside = self.mode == "waiting" and not interrupting
            self._begin(sum(newest) * PIECE)
            return Began(aside=aside, interrupting=interrupting)
        self._waited += PIECE
        if self.mode == "listening" and 0 < self._patience <= self._waited:
            self._set("waiting")
            return Ended("nothing")
        return None

    def _go_on(self, is_speech: bool) -> Ended | None:
        self._heard += PIECE
        self._quiet = 0.0 if is_speech else self._quiet + PIECE
        self._spoken += PIECE if is_speech else 0.0
        if self._quiet >= self.rules.silence:
            return self._end("silence" if self._spoken >= self.rules.shortest else "nothing")
        return self._end("too_long") if self._heard >= self.rules.longest else None

    def _end(self, why: WhyEnded) -> Ended:
        self._set("waiting")
        return Ended(why)

    def _begin(self, spoken: float = 0.0) -> None:
        self.hearing = True
        self._spoken = self._heard = spoken
        self._quiet = 0.0
        self._recent.clear()

    def _set(self, mode: Literal["idle", "listening", "waiting"]) -> None:
        self.mode = mode
        self.hearing = self._pressed = False
        self._recent.clear()
