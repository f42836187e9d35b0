"""The ear: from clean sound to the wake word and to utterances. Barge-in is decided here."""

from collections import deque
from collections.abc import Callable

from clawft.domain.turn_taking import Began, Ended, Rules, TurnTaking
from clawft.domain.voice_wire import Heard, Said, Speaking, SpeakingEnded, Woke
from clawft.drivers.audio.activity import Activity
from clawft.drivers.audio.engines import WakeWord
from clawft.drivers.audio.mouth import Mouth

PRE_ROLL = 45
"""Frames of 10 ms before an utterance is recognised as one that belong to it: 300 ms before its first piece
of speech, and what it takes to be sure."""
BATCH = 4
"""Frames that go to recognition together."""


class Ear:
    """Fed with frames of 10 ms, 16 kHz."""

    def __init__(self, say: Callable[[Said], None], rules: Rules) -> None:
        self._say = say
        self.turns = TurnTaking(rules)
        self.wake_word: WakeWord | None = None
        self.button = False
        """Only the button begins an utterance."""
        self.cues = True
        self.mouth: Mouth | None = None
        """None while no device is open."""
        self._activity = Activity()
        self._was_needed = False
        self._before: deque[bytes] = deque(maxlen=PRE_ROLL)
        self._batch: list[bytes] = []
        self._utterance = 0

    # -- what it is told

    def listen(self, patience: float) -> None:
        self._batch = []
        self.turns.listen(patience=patience)

    def wait(self) -> None:
        self._batch = []
        self.turns.wait()

    def rest(self) -> None:
        self._batch = []
        self.turns.rest()

    def press(self, down: bool) -> None:
        if down:
            if not self.turns.hearing:
                self._tell(self.turns.press())
        else:
            self._tell(self.turns.release())

    # -- what is heard

    @property
    def is_idle(self) -> bool:
        return not self.turns.needs_ear

    def hear(self, frame: bytes) -> None:
        self._before.append(frame)
        if self.turns.hearing:
            self._pass_on(frame)
        if self.wake_word is not None and not self.button and self.wake_word.feed(frame):
            self._woke(self.wake_word.phrase)
        self._follow_playing()
        if not self.turns.needs_ear:
            self._was_needed = False
            return
        if not self._was_needed:
            self._was_needed = True
            self._activity.reset()
        for probability in self._activity.feed(frame):
            if not (self.button and not self.turns.hearing):
                self._tell(self.turns.hear(probability))

    def _follow_playing(self) -> None:
        is_audible = self.mouth is not None and self.mouth.is_audible
        if is_audible and not self.turns.playing:
            self.turns.start_playing()
        elif self.turns.playing and not is_audible:
            self.turns.stop_playing()

    def _woke(self, phrase: str) -> None:
        is_thinking = self.turns.mode == "waiting" and not self.turns.playing
        self._say(Woke(phrase, taken=not is_thinking))
        if is_thinking:
            return
        self._cut_off()
        self._before.clear()
        if self.mouth is not None:
            if self.mouth.is_busy:
                self.mouth.hush()
            elif self.cues:
                self.mouth.cue("wake")
        self.turns.listen()

    def _tell(self, news: Began | Ended | None) -> None:
        if isinstance(news, Began):
            self._began(news)
        elif news is not None:
            self._flush()
            self._say(SpeakingEnded(self._utterance, news.why))

    def _began(self, news: Began) -> None:
        answer, played = 0, 0.0
        if news.interrupting and self.mouth is not None:
            answer, played = self.mouth.answer, self.mouth.seconds
            self.mouth.hold()
        self._utterance += 1
        self._say(Speaking(self._utterance, news.aside, news.interrupting, answer, played))
        self._batch = list(self._before)
        self._flush()

    def _cut_off(self) -> None:
        """An utterance that is under way is nobody's any more."""
        if self.turns.hearing:
            self._flush()
            self._say(SpeakingEnded(self._utterance, "nothing"))

    def _pass_on(self, frame: bytes) -> None:
        self._batch.append(frame)
        if len(self._batch) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._batch:
            self._say(Heard(self._utterance, b"".join(self._batch)))
            self._batch = []
