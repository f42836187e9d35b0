"""Engines behind OpenAI's audio API: the real client, its wire format on loopback, and every fault."""

import asyncio
import io
import json
import logging
import socket
import sys
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from clawft.drivers.audio.engines import RATE, EngineFailed, Recogniser, Sound, Synthesiser
from clawft.drivers.audio.openai_audio import OpenAiRecogniser, OpenAiSynthesiser
from tests.audio.spoken import SENTENCE, beside, heard, loudness, needs_voices, pieces, said, spoken

KEY = "sk-test-0123456789"
SILENCE = bytes(RATE // 5)
SHORT = 0.3
"""Seconds an engine waits in tests where nothing will come."""


class House:
    """What one server was asked, and what it does: its next ``faults`` answers fail as ``fault`` says."""

    def __init__(self) -> None:
        self.url = ""
        self.fault = ""
        self.faults = 1_000
        self.keys: list[str] = []
        self.asked: list[dict[str, Any]] = []
        self.left = threading.Event()
        """A client has gone before its answer was whole."""


class Wire(RequestHandler):
    """One request: answers as OpenAI does, or with the fault of the house."""

    def initialize(self, house: House) -> None:
        self.house = house

    def on_connection_close(self) -> None:
        self.house.left.set()

    async def post(self) -> None:
        self.house.keys.append(self.request.headers["Authorization"])
        self.house.asked.append(self.wish())
        try:
            await (self.fail(self.house.fault) if self.is_to_fail() else self.answer())
        except StreamClosedError:
            self.house.left.set()

    def is_to_fail(self) -> bool:
        self.house.faults -= 1
        return bool(self.house.fault) and self.house.faults >= 0

    async def fail(self, fault: str) -> None:
        if fault.isdigit():
            self.error(int(fault), f"the key {self.request.headers['Authorization']} is at fault")
        elif fault == "hang":
            while not self.house.left.is_set():
                await asyncio.sleep(0.01)
        elif fault == "reset":
            self.request.connection.stream.close()  # type: ignore[union-attr]
        else:
            await self.fail_in_the_middle(fault)

    async def fail_in_the_middle(self, fault: str) -> None:
        body, kind = BODIES.get(fault, (b"", "audio/pcm"))
        self.set_header("Content-Type", kind)
        if fault in ("cut", "stall", "endless"):
            self.write(SILENCE)
            await self.flush()
        while fault == "endless":
            self.write(SILENCE)
            await self.flush()
        if fault == "cut":
            self.request.connection.stream.close()  # type: ignore[union-attr]
        if fault == "stall":
            await self.fail("hang")
        self.write(body)

    def error(self, status: int, message: str) -> None:
        self.set_status(status)
        self.write({"error": {"message": message, "type": "test", "code": None}})

    def wish(self) -> dict[str, Any]:
        raise NotImplementedError

    async def answer(self) -> None:
        raise NotImplementedError


class Transcriptions(Wire):
    def wish(self) -> dict[str, Any]:
        return {name: values[0].decode() for name, values in self.request.body_arguments.items()}

    async def answer(self) -> None:
        (file,) = self.request.files["file"]
        assert (file["filename"], file["content_type"]) == ("speech.wav", "audio/wav")
        with wave.open(io.BytesIO(file["body"])) as sound:
            assert (sound.getframerate(), sound.getsampwidth(), sound.getnchannels()) == (RATE, 2, 1)
            words = await asyncio.to_thread(heard, sound.readframes(sound.getnframes()))
        self.write({"text": f" {words}", "usage": {"type": "duration", "seconds": 1}})


class Speech(Wire):
    def wish(self) -> dict[str, Any]:
        asked: dict[str, Any] = json.loads(self.request.body)
        return asked

    async def answer(self) -> None:
        asked = self.wish()
        form = asked["response_format"]
        if asked["model"] == "wav-only" and form == "pcm":
            self.error(400, "response_format must be wav")
            return
        sound = await asyncio.to_thread(spoken, asked["input"])
        self.set_header("Content-Type", f"audio/{form}")
        for at in range(0, len(sound), 999):  # odd, so that samples are torn
            self.write(sound[at : at + 999] if form == "wav" else b"")
            await self.flush()
        if form == "pcm":
            self.write(at_24_khz(sound))


def at_24_khz(sound: bytes) -> bytes:
    with wave.open(io.BytesIO(sound)) as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    times = np.arange(len(samples) * 24_000 // rate) * rate / 24_000
    return bytes(np.interp(times, np.arange(len(samples)), samples).astype("<i2"))


def a_wav(channels: int = 1, width: int = 2, rate: int = 8_000, frames: bytes = b"abcdefgh") -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, width, rate, 0, "NONE", ""))
        writer.writeframes(frames)
    return file.getvalue()


BODIES = {
    "html": (b"<html>Welcome to nginx!</html>", "text/html"),
    "json": (b'{"detail": "no"}', "application/json"),
    "broken json": (b'{"text": ', "application/json"),
    "number": (b'{"text": 7}', "application/json"),
    "list": (b"[1, 2]", "application/json"),
    "nothing": (b"", "audio/pcm"),
    "mp3": (b"ID3\x04" + bytes(100), "audio/mpeg"),
    "bare mp3": (b"\xff\xf3\x84\xc4" + bytes(100), "audio/mpeg"),
    "ogg": (b"OggS" + bytes(100), "audio/pcm"),
    "stereo": (a_wav(channels=2), "audio/wav"),
    "8 bits": (a_wav(width=1), "audio/wav"),
    "too slow": (a_wav(rate=1), "audio/wav"),
    "half a header": (a_wav()[:20], "audio/wav"),
    "wav": (a_wav() + b"LIST\x04\x00\x00\x00abcd", "audio/pcm"),
    "wav without length": (a_wav(frames=b"") + b"abcdefgh", "audio/pcm"),
    "odd": (b"abc", "audio/pcm"),
}


@contextmanager
def server(fault: str = "", faults: int = 1_000) -> Iterator[House]:
    house = House()
    house.fault, house.faults = fault, faults
    listening, port = bind_unused_port()
    house.url = f"http://127.0.0.1:{port}/v1"
    with beside() as loop:
        http = loop.run(_serve(house, listening))
        try:
            yield house
        finally:
            loop.run(_stop(http))


async def _serve(house: House, listening: socket.socket) -> HTTPServer:
    routes = [(r"/v1/audio/transcriptions", Transcriptions), (r"/v1/audio/speech", Speech)]
    http = HTTPServer(Application([(path, kind, {"house": house}) for path, kind in routes]))
    http.add_socket(listening)
    return http


async def _stop(http: HTTPServer) -> None:
    http.stop()
    await http.close_all_connections()


def hear(engine: Recogniser, pcm: bytes = SILENCE) -> str:
    engine.begin("en")
    for piece in pieces(pcm):
        assert engine.take(piece) == ""
    return engine.end()


def speak(engine: Synthesiser, text: str = "hello") -> list[Sound]:
    return list(engine.speak(text, "en"))


def hears(url: str, timeout: float = 5.0) -> object:
    return hear(OpenAiRecogniser(url, KEY, timeout=timeout))


def speaks(url: str, timeout: float = 5.0) -> object:
    return speak(OpenAiSynthesiser(url, KEY, timeout=timeout))


both = pytest.mark.parametrize("use", [hears, speaks])
Use = Callable[..., object]


# What works


@needs_voices
def test_words_said_to_it_come_back_as_text() -> None:
    with server() as house:
        engine = OpenAiRecogniser(house.url, KEY, "big")
        assert hear(engine, said(SENTENCE)) == SENTENCE
        assert hear(engine, said("what time is it")) == "what time is it", "the next utterance works too"
    assert house.asked[0] == {"model": "big", "response_format": "json", "language": "en"}
    assert set(house.keys) == {f"Bearer {KEY}"}


@needs_voices
def test_a_text_comes_back_as_sound() -> None:
    with server() as house:
        sounds = speak(OpenAiSynthesiser(house.url, KEY, "big", "nova"), "This is a test.")
    assert house.asked == [
        {"model": "big", "voice": "nova", "input": "This is a test.", "response_format": "pcm"}
    ]
    assert {sound.rate for sound in sounds} == {24_000}
    assert loudness(b"".join(sound.pcm for sound in sounds)) > 500


@needs_voices
def test_a_server_that_makes_no_pcm_is_asked_for_wav_from_then_on() -> None:
    with server() as house:
        engine = OpenAiSynthesiser(house.url, KEY, "wav-only")
        first, second = speak(engine, "This is a test."), speak(engine, "This is a test.")
    assert [asked["response_format"] for asked in house.asked] == ["pcm", "wav", "wav"]
    assert len(first) > 5, "piece by piece"
    assert {sound.rate for sound in first} == {22_050}
    pcm = b"".join(sound.pcm for sound in first)
    assert pcm == b"".join(sound.pcm for sound in second)
    assert pcm == spoken("This is a test.")[44:], "no sample is lost or torn"


def test_a_server_without_keys_is_sent_none_of_ours() -> None:
    with server("json") as house:
        with pytest.raises(EngineFailed):
            hear(OpenAiRecogniser(house.url))
    assert house.keys == ["Bearer none"]


def test_less_than_a_tenth_of_a_second_has_no_words_and_is_not_sent() -> None:
    with server("500") as house:
        assert hear(OpenAiRecogniser(house.url), SILENCE[:3000]) == ""
    assert house.asked == []


@pytest.mark.parametrize("body", ["wav", "wav without length"])
def test_a_wav_that_nobody_asked_for_is_understood(body: str) -> None:
    with server(body) as house:
        sounds = speak(OpenAiSynthesiser(house.url))
    assert {sound.rate for sound in sounds} == {8_000}
    assert b"".join(sound.pcm for sound in sounds) == b"abcdefgh", "and what follows the sound is no sound"


def test_half_a_sample_at_the_end_is_left_out() -> None:
    with server("odd") as house:
        assert speak(OpenAiSynthesiser(house.url)) == [Sound(24_000, b"ab")]


def test_closing_the_iterator_ends_the_connection_at_once() -> None:
    with server("endless") as house:
        sounds = OpenAiSynthesiser(house.url).speak("a long story", "en")
        next(sounds)
        began = time.monotonic()
        sounds.close()  # type: ignore[attr-defined]
        assert time.monotonic() - began < 0.5
        assert house.left.wait(5)


@both
@pytest.mark.parametrize("fault", ["503", "reset"])
def test_what_may_pass_is_tried_once_more(use: Use, fault: str) -> None:
    with server(fault, faults=1) as house:
        use(house.url)
    assert len(house.asked) == 2


# What does not


@both
def test_a_server_that_is_gone_is_named(use: Use) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        at = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(EngineFailed, match=f"the speech service at {at} cannot be reached"):
            use(f"http://{at}/v1")


@both
@pytest.mark.parametrize("fault", ["hang", "stall"])
def test_a_server_that_hangs_is_given_up_without_another_try(use: Use, fault: str) -> None:
    with server(fault) as house:
        began = time.monotonic()
        with pytest.raises(EngineFailed, match=r"did not answer in time|went silent"):
            use(house.url, SHORT)
        assert time.monotonic() - began < 2
        assert house.left.wait(5)
    assert len(house.asked) == 1


STATUSES = [
    ("401", 1, r"refuses the key \(401\)"),
    ("403", 1, r"refuses the key \(403\)"),
    ("404", 1, r"does not know the model or the address \(404\)"),
    ("429", 1, r"asked too often \(429\)"),
    ("500", 2, r"in trouble \(500\)"),
    ("503", 2, r"in trouble \(503\)"),
]


@both
@pytest.mark.parametrize(("fault", "tries", "sentence"), STATUSES)
def test_a_refusal_is_put_into_words_that_do_not_tell_the_key(
    use: Use, fault: str, tries: int, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with server(fault) as house:
        with pytest.raises(EngineFailed, match=sentence) as failed:
            use(house.url)
    assert len(house.asked) == tries
    assert KEY not in str(failed.value) + caplog.text
    assert failed.value.__cause__ is None


def test_a_slow_failure_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawft.drivers.audio.openai_audio.SOON", 0.0)
    with server("500") as house:
        with pytest.raises(EngineFailed):
            hears(house.url)
    assert len(house.asked) == 1


@both
def test_an_answer_that_is_cut_fails(use: Use) -> None:
    with server("cut") as house:
        with pytest.raises(EngineFailed, match="broke"):
            use(house.url)


def test_sound_before_the_cut_is_given() -> None:
    with server("cut") as house:
        sounds = OpenAiSynthesiser(house.url).speak("hello", "en")
        assert next(sounds) == Sound(24_000, SILENCE)
        with pytest.raises(EngineFailed):
            next(sounds)


@pytest.mark.parametrize("body", ["html", "json", "broken json", "number", "list", "nothing", "mp3"])
def test_a_transcription_that_is_none_fails(body: str) -> None:
    with server(body) as house:
        with pytest.raises(EngineFailed, match=r"the speech service at|cannot be understood"):
            hears(house.url)


NO_SOUND = [
    ("html", "without any sound"),
    ("json", "without any sound"),
    ("nothing", "without any sound"),
    ("mp3", "compressed"),
    ("bare mp3", "compressed"),
    ("ogg", "compressed"),
    ("stereo", "not 16-bit mono"),
    ("8 bits", "not 16-bit mono"),
    ("too slow", "not 16-bit mono"),
    ("half a header", "cannot be read"),
]


@pytest.mark.parametrize(("body", "sentence"), NO_SOUND)
def test_sound_that_cannot_be_played_is_not_played(body: str, sentence: str) -> None:
    with server(body) as house:
        with pytest.raises(EngineFailed, match=f"the speech service at .* {sentence}"):
            speaks(house.url)


@pytest.mark.parametrize("make", [OpenAiRecogniser, OpenAiSynthesiser])
def test_a_client_that_is_not_installed_says_how_to_have_it(
    make: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(EngineFailed, match=r"pip install 'clawft\[llm\]'"):
        make("http://127.0.0.1:1/v1")
