"""Engines behind a Wyoming server: a real one on loopback, and every way in which it can fail."""

import asyncio
import io
import socket
import threading
import time
import warnings
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # wyoming.audio imports audioop where there is one
    from wyoming.audio import AudioChunk, AudioStart, AudioStop

from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import AsrModel, AsrProgram, Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.server import AsyncEventHandler, AsyncTcpServer
from wyoming.tts import Synthesize

from clawft.drivers.audio.engines import RATE, EngineFailed, Recogniser, Sound, Synthesiser
from clawft.drivers.audio.wyoming import WyomingRecogniser, WyomingSynthesiser
from tests.audio.spoken import SENTENCE, beside, heard, loudness, needs_voices, pieces, said, spoken

SILENCE = bytes(RATE // 5)
SHORT = 0.3
"""Seconds an engine waits in tests where nothing will come."""
COMMON = {"attribution": Attribution("us", "http://127.0.0.1"), "installed": True, "description": ""}


def _model(name: str, languages: list[str], installed: bool = True) -> Any:
    return AsrModel(**{**COMMON, "installed": installed}, name=name, version="1", languages=languages)


def _voice(name: str, languages: list[str]) -> Any:
    return TtsVoice(**COMMON, name=name, version="1", languages=languages)


INFO = Info(
    asr=[
        AsrProgram(
            **COMMON,
            name="pocketsphinx",
            version="5",
            models=[
                _model("en-us", ["en_US", "en-GB"]),
                _model("many", ["de", "fr", "haw"]),
                _model("not-here", ["ja"], installed=False),
            ],
        )
    ],
    tts=[
        TtsProgram(
            **COMMON,
            name="espeak-ng",
            version="1",
            voices=[_voice("de", ["de_AT"]), _voice("en", ["en"])],
        )
    ],
)


class House:
    """What the handlers of one server share with the test."""

    def __init__(self) -> None:
        self.port = 0
        self.seen: list[Event] = []
        self.arrived = threading.Event()
        """Some sound is there."""
        self.left = threading.Event()
        """A client has gone."""


class Handler(AsyncEventHandler):  # type: ignore[misc]  # the package is not typed for us
    """A server that notes what it gets and never answers."""

    def __init__(self, house: House, *ends: Any) -> None:
        super().__init__(*ends)
        self.house = house

    async def run(self) -> None:
        try:
            await super().run()
        except ConnectionError:  # the client has gone while we wrote
            pass
        finally:
            self.house.left.set()

    async def handle_event(self, event: Event) -> bool:
        self.house.seen.append(event)
        if AudioChunk.is_type(event.type):
            self.house.arrived.set()
        return await self.answer(event) is not False

    async def answer(self, event: Event) -> bool | None:
        return None

    async def say(self, *events: Any) -> None:
        for event in events:
            await self.write_event(event.event())


class Real(Handler):
    """Recognises with pocketsphinx and speaks with espeak-ng."""

    pcm = b""

    async def answer(self, event: Event) -> bool | None:
        if Describe.is_type(event.type):
            await self.say(INFO)
        elif AudioChunk.is_type(event.type):
            self.pcm += AudioChunk.from_event(event).audio
        elif AudioStop.is_type(event.type):
            await self.say(Transcript(text=await asyncio.to_thread(heard, self.pcm)))
            return False  # as faster-whisper does
        elif Synthesize.is_type(event.type):
            await self._speak(Synthesize.from_event(event))
        return None

    async def _speak(self, wish: Any) -> None:
        language = wish.voice.name or wish.voice.language
        with wave.open(io.BytesIO(await asyncio.to_thread(spoken, wish.text, language))) as sound:
            form = {"rate": sound.getframerate(), "width": 2, "channels": 1}
            await self.say(AudioStart(**form))
            while pcm := sound.readframes(1024):
                await self.say(AudioChunk(**form, audio=pcm))
        await self.say(AudioStop())


class Streaming(Handler):
    """Says words while it hears, and finds the end of speech by itself."""

    async def answer(self, event: Event) -> bool | None:
        if Transcribe.is_type(event.type):
            await self.say(TranscriptStart())
        elif AudioChunk.is_type(event.type):
            chunks = sum(AudioChunk.is_type(seen.type) for seen in self.house.seen)
            await self.say(TranscriptChunk(text=f" {chunks}"))
            if chunks == 3:
                await self.say(*self.last())
                return False
        return None

    def last(self) -> tuple[Any, ...]:
        return Transcript(text="1, 2, 3."), TranscriptStop()


class StreamingOnly(Streaming):
    """The same without the transcript in one piece that older clients need."""

    def last(self) -> tuple[Any, ...]:
        return (TranscriptStop(),)


class Erring(Handler):
    async def answer(self, event: Event) -> bool | None:
        if AudioStop.is_type(event.type) or Synthesize.is_type(event.type):
            await self.say(Error(text="no such\nvoice", code="VoiceNotFound"))
        return None


class Cutting(Handler):
    """Breaks off in mid-answer: within the payload of a piece of sound, and before the transcript."""

    async def answer(self, event: Event) -> bool | None:
        if Synthesize.is_type(event.type):
            await self.say(AudioChunk(rate=RATE, width=2, channels=1, audio=SILENCE))
            self.writer.write(b'{"type": "audio-chunk", "payload_length": 1000}\nhalf')
            await self.writer.drain()
        return not (AudioStop.is_type(event.type) or Synthesize.is_type(event.type))


class Endless(Handler):
    async def answer(self, event: Event) -> bool | None:
        while Synthesize.is_type(event.type):
            await self.say(AudioChunk(rate=RATE, width=2, channels=1, audio=SILENCE))
        return None


class Stereo(Handler):
    async def answer(self, event: Event) -> bool | None:
        if Synthesize.is_type(event.type):
            form = {"rate": 48_000, "width": 4, "channels": 2}
            await self.say(AudioChunk(**form, audio=bytes(8 * 480)), AudioStop())
        return None


def nonsense(line: bytes) -> type[Handler]:
    class Nonsense(Handler):
        async def answer(self, event: Event) -> bool | None:
            if any(kind.is_type(event.type) for kind in (Describe, AudioStop, Synthesize)):
                self.writer.write(line)
                await self.writer.drain()
            return None

    return Nonsense


@contextmanager
def server(kind: type[Handler]) -> Iterator[House]:
    house = House()
    tcp = AsyncTcpServer("127.0.0.1", 0)
    with beside() as loop:
        loop.run(tcp.start(lambda *ends: kind(house, *ends)))
        house.port = tcp._server.sockets[0].getsockname()[1]
        try:
            yield house
        finally:
            loop.run(tcp.stop())


@contextmanager
def nobody() -> Iterator[int]:
    """A port that nothing listens on, and that nothing else gets meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def recogniser(port: int, timeout: float = 15.0) -> WyomingRecogniser:
    return WyomingRecogniser("127.0.0.1", port, timeout=timeout)


def synthesiser(port: int, timeout: float = 15.0, voice: str = "") -> WyomingSynthesiser:
    return WyomingSynthesiser("127.0.0.1", port, voice, timeout=timeout)


def hear(engine: Recogniser, pcm: bytes = SILENCE) -> str:
    engine.begin("en")
    for piece in pieces(pcm):
        engine.take(piece)
    return engine.end()


def speak(engine: Synthesiser, text: str = "hello") -> list[Sound]:
    return list(engine.speak(text, "en"))


def hears(port: int) -> object:
    return hear(recogniser(port, SHORT))


def speaks(port: int) -> object:
    return speak(synthesiser(port, SHORT))


both = pytest.mark.parametrize("use", [hears, speaks])
Use = Callable[[int], object]


# What works


@needs_voices
def test_words_said_to_it_come_back_as_text() -> None:
    with server(Real) as house:
        engine = recogniser(house.port)
        assert hear(engine, said(SENTENCE)) == SENTENCE
        assert hear(engine, said("what time is it")) == "what time is it", "the next utterance works too"


@needs_voices
def test_a_text_comes_back_as_sound_in_pieces() -> None:
    with server(Real) as house:
        sounds = speak(synthesiser(house.port), "This is a test.")
    assert len(sounds) > 5
    assert {sound.rate for sound in sounds} == {22_050}
    assert loudness(b"".join(sound.pcm for sound in sounds)) > 500


def test_a_request_names_the_model_the_voice_or_the_language() -> None:
    with server(Stereo) as house:
        engine = WyomingRecogniser("127.0.0.1", house.port, "tiny", timeout=SHORT)
        with pytest.raises(EngineFailed):
            hear(engine)
        speak(synthesiser(house.port))
        speak(synthesiser(house.port, voice="de_DE-thorsten-low"))
    seen = [event.data for event in house.seen if event.type in ("transcribe", "synthesize")]
    assert seen == [
        {"name": "tiny", "language": "en"},
        {"text": "hello", "voice": {"language": "en"}},
        {"text": "hello", "voice": {"name": "de_DE-thorsten-low"}},
    ]


def test_sound_is_sent_while_it_is_taken() -> None:
    with server(Handler) as house:
        engine = recogniser(house.port)
        engine.begin("en")
        engine.take(SILENCE)
        assert house.arrived.wait(5), "nothing arrived before the end"


@pytest.mark.parametrize(("kind", "words"), [(Streaming, "1, 2, 3."), (StreamingOnly, "1 2 3")])
def test_words_so_far_are_given_and_a_server_may_find_the_end_itself(kind: type[Handler], words: str) -> None:
    with server(kind) as house:
        engine = recogniser(house.port)
        engine.begin("en")
        so_far = set()
        while not house.left.is_set():
            so_far.add(engine.take(SILENCE))
            time.sleep(0.01)
        assert engine.end() == words
    assert so_far & {" 1", " 1 2"}, so_far


def test_sound_of_another_form_becomes_16_bit_mono() -> None:
    with server(Stereo) as house:
        assert speak(synthesiser(house.port)) == [Sound(48_000, bytes(2 * 480))]


def test_the_languages_are_those_of_what_is_installed_or_named() -> None:
    with server(Real) as house:
        at = ("127.0.0.1", house.port)
        assert WyomingRecogniser(*at).languages == ("de", "en", "fr")
        assert WyomingRecogniser(*at, "en-us").languages == ("en",)
        assert WyomingSynthesiser(*at).languages == ("de", "en")
        assert WyomingSynthesiser(*at, "de").languages == ("de",)


def test_an_utterance_that_was_not_ended_is_forgotten() -> None:
    with server(Handler) as house:
        engine = recogniser(house.port)
        engine.begin("en")
        engine.begin("en")
        assert house.left.wait(5), "the first connection stays"


def test_closing_the_iterator_ends_the_connection_at_once() -> None:
    with server(Endless) as house:
        engine = synthesiser(house.port)
        sounds = engine.speak("a long story", "en")
        next(sounds)
        began = time.monotonic()
        sounds.close()  # type: ignore[attr-defined]
        assert time.monotonic() - began < 0.5
        assert house.left.wait(5)


# What does not


@both
def test_a_server_that_is_gone_is_named_with_what_to_do(use: Use) -> None:
    with nobody() as port:
        with pytest.raises(EngineFailed, match=rf"tcp://127\.0\.0\.1:{port} cannot be reached.*voice\."):
            use(port)


@both
def test_a_server_that_hangs_is_given_up(use: Use) -> None:
    with server(Handler) as house:
        began = time.monotonic()
        with pytest.raises(EngineFailed, match=r"did not answer within 0\.3 seconds"):
            use(house.port)
        assert time.monotonic() - began < 3
        assert house.left.wait(5)


def test_a_server_that_reads_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:  # the kernel accepts, nobody else does
        engine = recogniser(listening.getsockname()[1], SHORT)
        engine.begin("en")
        began = time.monotonic()
        engine.take(bytes(20_000_000))
        engine.take(bytes(20_000_000))
        assert time.monotonic() - began < 3
        with pytest.raises(EngineFailed, match="did not answer within"):
            engine.end()


@both
def test_a_server_that_accepts_no_connection_is_given_up(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawft.drivers.audio.wyoming.CONNECT", SHORT)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as waiting:
        for _ in range(4):  # Linux leaves unanswered what its queue has no room for
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        with pytest.raises(EngineFailed, match=r"did not answer within 0\.3 seconds"):
            use(full.getsockname()[1])


@both
def test_an_answer_that_is_cut_fails(use: Use) -> None:
    with server(Cutting) as house:
        with pytest.raises(EngineFailed, match="broke off"):
            use(house.port)


def test_sound_before_the_cut_is_given() -> None:
    with server(Cutting) as house:
        sounds = synthesiser(house.port).speak("hello", "en")
        assert next(sounds) == Sound(RATE, SILENCE)
        with pytest.raises(EngineFailed):
            next(sounds)


@both
def test_what_the_server_says_of_its_error_is_passed_on(use: Use) -> None:
    with server(Erring) as house:
        with pytest.raises(EngineFailed, match=r"says: no such voice$"):
            use(house.port)


LINES = [
    b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    b"\xff\xfe\x00\n",
    b"5\n",
    b"{}\n",
    b"[" * 100_000 + b"\n",
    b'{"type": "error"}\n',
    b'{"type": "transcript", "data": {"text": 7}}\n{"type": "audio-chunk", "payload_length": "x"}\n',
    b'{"type": "transcript", "data": 7, "data_length": 2}\n{}{}\n',
    b'{"type": "transcript"}\n{"type": "info", "data": {"asr": [7]}}\n'
    b'{"type": "audio-chunk", "data": {"rate": "x", "width": 2, "channels": 1}, "payload_length": 2}\nab',
    b'{"type": "transcript", "data": []}\n'
    b'{"type": "audio-chunk", "data": {"rate": 16000, "width": 2, "channels": 1}, "payload_length": 3}\nabc',
]


@both
@pytest.mark.parametrize("line", LINES)
def test_nonsense_is_told_from_wyoming(use: Use, line: bytes) -> None:
    with server(nonsense(line)) as house:
        with pytest.raises(EngineFailed, match="does not speak Wyoming: is voice"):
            use(house.port)


@pytest.mark.parametrize("line", LINES)
def test_nonsense_for_languages_is_no_language(line: bytes) -> None:
    with server(nonsense(line + b"\n\n")) as house:
        assert recogniser(house.port).languages == ()


def test_a_server_that_is_gone_names_no_languages() -> None:
    with nobody() as port:
        assert recogniser(port).languages == ()
        assert synthesiser(port).languages == ()


def test_a_failure_while_sound_is_taken_waits_for_the_end() -> None:
    with nobody() as port:
        engine = recogniser(port)
        engine.begin("en")
        assert engine.take(SILENCE) == ""
        with pytest.raises(EngineFailed):
            engine.end()
        assert engine.end() == "", "it was told once"
