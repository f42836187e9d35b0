"""Speech engines behind OpenAI's audio API, or a server that speaks like it, through the official client."""

import io
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from clawft.drivers.audio.engines import RATE, EngineFailed, InPieces, Sound
from clawft.drivers.models.failures import in_words
from clawft.drivers.models.openai import NO_KEY

T = TypeVar("T")

CONNECT = 3.0
"""Seconds a server may take to accept a connection."""
SOON, PAUSE = 3.0, 0.5
"""Seconds: a failure that comes soon is followed by one retry, after a pause."""
SHORTEST = RATE * 2 // 10
"""Bytes of a tenth of a second. OpenAI refuses what is shorter; nobody says a word in it."""
PCM_RATE = 24_000
"""Samples a second of what OpenAI calls ``pcm``."""
RATES = range(4_000, 192_001)
"""Samples a second that a WAV may have."""
COMPRESSED = (b"ID3", b"OggS", b"fLaC")
"""How sound begins that we cannot play: some servers send MP3 whatever they are asked for."""
REFUSED_FORMAT = (400, 415, 422)
"""What a server that makes no ``pcm`` may answer."""
WORTH_A_RETRY = ("unavailable", "connection")


class OpenAiRecogniser(InPieces):
    """Speech to text. An utterance is sent when it is over, as a WAV."""

    name = "openai"
    languages: tuple[str, ...] = ()

    def __init__(self, base: str, key: str = "", model: str = "", *, timeout: float = 15.0) -> None:
        """Imports the client, which takes a second; raises ``EngineFailed`` where it is not installed.

        ``timeout``: seconds from the end of an utterance to its words.
        """
        self._service = _Service(base, key, timeout)
        self._model = model or ("gpt-transcribe" if self._service.is_home else "whisper-1")
        self._language = ""
        self._pcm = bytearray()

    def begin(self, language: str) -> None:
        self._language = language
        self._pcm.clear()

    def take(self, pcm: bytes) -> str:
        self._pcm += pcm
        return ""

    def end(self) -> str:
        pcm = bytes(self._pcm)
        self._pcm.clear()
        if len(pcm) < SHORTEST:
            return ""
        with self._service.in_words():
            return _text(self._service.ask(lambda: self._asked(_as_wav(pcm))))

    def _asked(self, sound: bytes) -> Any:
        return self._service.client.audio.transcriptions.create(
            model=self._model,
            file=("speech.wav", sound, "audio/wav"),
            response_format="json",
            **self._hint(),
        )

    def _hint(self) -> dict[str, Any]:
        if not self._language:
            return {}
        if self._model == "gpt-transcribe":
            return {"languages": [self._language]}
        return {"language": self._language}


class OpenAiSynthesiser:
    """Text to speech. The model hears the language from the text."""

    name = "openai"
    languages: tuple[str, ...] = ()

    def __init__(
        self, base: str, key: str = "", model: str = "", voice: str = "", *, timeout: float = 15.0
    ) -> None:
        """Imports the client, which takes a second; raises ``EngineFailed`` where it is not installed.

        ``timeout``: seconds to the first sound, and between two pieces of it.
        """
        self._service = _Service(base, key, timeout)
        self._model = model or ("gpt-4o-mini-tts" if self._service.is_home else "tts-1")
        self._voice = voice or "alloy"
        self._format = "pcm"

    def speak(self, text: str, language: str) -> Iterator[Sound]:
        with self._service.in_words(), ExitStack() as answers:
            answer = self._service.ask(lambda: self._begun(text, answers))
            yield from _sounds(answer)

    def _begun(self, text: str, answers: ExitStack) -> Any:
        """The answer to ``text``. A server that refuses ``pcm`` is asked for ``wav`` from then on."""
        from openai import APIStatusError

        try:
            return answers.enter_context(self._wish(text))
        except APIStatusError as error:
            if self._format == "wav" or error.status_code not in REFUSED_FORMAT:
                raise
        answer = answers.enter_context(self._wish(text, "wav"))
        self._format = "wav"  # not before it worked: the text may have been what was refused
        return answer

    def _wish(self, text: str, format: str = "") -> AbstractContextManager[Any]:
        speech: Any = self._service.client.audio.speech.with_streaming_response
        wish: AbstractContextManager[Any] = speech.create(
            model=self._model, voice=self._voice, input=text, response_format=format or self._format
        )
        return wish


class _Service:
    """Where it is, the client for it, and what its failures mean."""

    def __init__(self, base: str, key: str, timeout: float) -> None:
        url = urlsplit(base)
        self.is_home = url.hostname == "api.openai.com"
        self._who = f"the speech service at {url.netloc.rpartition('@')[2]}"
        self._key = key
        self.client = _client(base, key, timeout)

    def ask(self, question: Callable[[], T]) -> T:
        """Once more where that may help, unless the person has waited for long already."""
        began = time.monotonic()
        try:
            return question()
        except Exception as error:
            hopeless = in_words(error, self._who).reason not in WORTH_A_RETRY
            if hopeless or time.monotonic() - began > SOON:
                raise
        time.sleep(PAUSE)
        return question()

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """Whatever fails here fails as ``EngineFailed``."""
        try:
            yield
        except EngineFailed as failure:
            raise EngineFailed(f"{self._who} {failure}") from failure.__cause__
        except Exception as error:
            # Without its cause: a service may quote the key in what it answers, and causes end up in logs.
            raise EngineFailed(self._without_key(_sentence(error, self._who))) from None

    def _without_key(self, sentence: str) -> str:
        return sentence.replace(self._key, "***") if self._key else sentence


def _client(base: str, key: str, timeout: float) -> Any:
    try:
        import httpx2
        from openai import OpenAI
    except ImportError:
        raise EngineFailed(
            "speech by way of OpenAI takes packages that are not installed: pip install 'clawft[llm]'"
        ) from None
    limits = httpx2.Timeout(timeout, connect=min(CONNECT, timeout))
    http = httpx2.Client(timeout=limits, trust_env=not _is_loopback(base))
    return OpenAI(api_key=key or NO_KEY, base_url=base, max_retries=0, timeout=limits, http_client=http)


def _is_loopback(base: str) -> bool:
    """A proxy in the environment is for what is beyond this machine."""
    host = urlsplit(base).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _sentence(error: Exception, who: str) -> str:
    # In the middle of a stream the errors are those of the client's own HTTP client.
    if "TimeoutException" in {kind.__name__ for kind in type(error).__mro__}:
        return f"{who} went silent in the middle of its answer"
    return str(in_words(error, who))


def _as_wav(pcm: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(pcm)
    return file.getvalue()


def _text(answer: Any) -> str:
    text = getattr(answer, "text", None)  # the client checks nothing, and hands on a page of HTML as it is
    if isinstance(text, str):
        return text.strip()
    raise EngineFailed("answered something that is no transcription: is its address right, with the /v1?")


def _sounds(answer: Any) -> Iterator[Sound]:
    kind = answer.headers.get("content-type", "")
    stream = _Stream(answer.iter_bytes())
    start = stream.peek(4)
    if not start or kind.startswith(("text/", "application/json")):
        raise EngineFailed("answered without any sound: is its address right, with the /v1?")
    if start.startswith(COMPRESSED) or ("mpeg" in kind and start[0] == 0xFF and start[1:2] >= b"\xe0"):
        raise EngineFailed("sends compressed sound, which cannot be played: it has to make pcm or wav")
    rate, length = _wav_header(stream) if start == b"RIFF" else (PCM_RATE, None)
    for pcm in stream.samples(length):
        yield Sound(rate, pcm)


def _wav_header(stream: "_Stream") -> tuple[int, int | None]:
    """The rate, and how many bytes of sound follow; None: those who write as they speak cannot know."""
    try:
        with wave.open(stream, "rb") as header:  # type: ignore[call-overload]  # needs no more than read()
            found = header.getparams()
    except (wave.Error, EOFError) as error:
        raise EngineFailed(f"sends a WAV that cannot be read ({error})") from error
    if (found.nchannels, found.sampwidth) != (1, 2) or found.framerate not in RATES:
        raise EngineFailed("sends a WAV that is not 16-bit mono, which cannot be played")
    return found.framerate, found.nframes * 2 or None


class _Stream:
    """The bytes of an answer as they come, with as much of a file as reading a WAV's header takes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._buffer = b""

    def peek(self, count: int) -> bytes:
        while len(self._buffer) < count and (piece := next(self._pieces, None)) is not None:
            self._buffer += piece
        return self._buffer[:count]

    def read(self, count: int) -> bytes:
        found = self.peek(count)
        self._buffer = self._buffer[len(found) :]
        return found

    def samples(self, length: int | None) -> Iterator[bytes]:
        """What is left, each piece of whole samples; no more than ``length`` bytes."""
        while length != 0 and len(self.peek(2)) == 2:
            whole = len(self._buffer) // 2 * 2
            pcm = self.read(whole if length is None else min(whole, length))
            length = None if length is None else length - len(pcm)
            yield pcm
