"""Wake words: the phrases that come with ``pymicro-wakeword``, and finding the detector of any phrase."""

from pathlib import Path

from clawft.drivers.audio import phrases
from clawft.drivers.audio.engines import RATE, EngineFailed, WakeWord

BUILT_IN = {
    "alexa": 0.9,
    "hey jarvis": 0.5,
    "hey mycroft": 0.5,
    "okay nabu": 0.85,
}
"""Phrase: the mean probability from which on it was said.

Two hours of synthesised speech came to 0.53, 0.16, 0.20 and 0.85 at most. Where half keeps quiet, half is
taken: the package's own 0.97 and 0.95 for the two miss more in noise; else its own.
"""


class MicroWakeWord:
    """Hears one of the phrases that come with ``pymicro-wakeword``, for less than a percent of a core."""

    def __init__(self, phrase: str, threshold: float | None = None) -> None:
        """Raises ``EngineFailed`` where the package is missing or does not fit this machine."""
        try:
            import pymicro_wakeword as micro

            self._model = micro.MicroWakeWord.from_builtin(micro.Model(phrase.replace(" ", "_")))
        except ImportError as error:
            raise EngineFailed("wake words need pymicro-wakeword: pip install 'clawft[voice]'") from error
        except (OSError, ValueError) as error:
            raise EngineFailed(f"pymicro-wakeword does not run on this machine: {error}") from error
        self._features = micro.MicroWakeWordFeatures()
        self._phrase = phrase
        self._threshold = BUILT_IN[phrase] if threshold is None else threshold
        self._deaf = 0

    @property
    def phrase(self) -> str:
        """One of ``BUILT_IN``."""
        return self._phrase

    def feed(self, pcm: bytes) -> bool:
        """The next 10 ms at ``RATE``: whether the phrase has just ended."""
        # Every feature must be seen, be it during the cool-down: the model keeps a state.
        found = [
            self._model.process_streaming_prob(feature) for feature in self._features.process_streaming(pcm)
        ]
        self._deaf = max(0, self._deaf - len(pcm) // 2)
        heard = not self._deaf and any(found and found > self._threshold for found in found)
        if heard:
            self._deaf = int(phrases.COOL_DOWN * RATE)
        return heard

    def reset(self) -> None:
        """Forget what was heard."""
        self._model.reset()
        self._features.reset()
        self._deaf = 0


def find(phrase: str, folder: Path) -> WakeWord:
    """The detector of a phrase: one trained here (``folder`` is ``<data>/wake``), else one of the package.

    Raises ``EngineFailed`` for a phrase nobody knows, a damaged file, and missing packages.
    """
    wanted = phrases.tidy(phrase)
    if (path := phrases.file_of(wanted, folder)).exists():
        return phrases.TrainedPhrase(phrases.load(path))
    if wanted in BUILT_IN:
        return MicroWakeWord(wanted)
    raise EngineFailed(
        f"{wanted!r} is no wake phrase here; {_known(folder)}; to have it: clawft voice train {wanted!r}"
    )


def _known(folder: Path) -> str:
    names = sorted({*BUILT_IN, *phrases.trained(folder)})
    return f"known are {', '.join(names)}"
