"""Speech engines behind a Wyoming server: faster-whisper, Piper and whatever else speaks its protocol.

One connection an utterance and one a text: most servers close theirs after it. The package is asyncio; each
engine has a loop of its own, which runs only while a call of ours does.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStop
from wyoming.audio import AudioChunk, AudioChunkConverter, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable, async_read_event, async_write_event
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize, SynthesizeVoice

from clawft.drivers.audio.engines import RATE, EngineFailed, InPieces, Sound

T = TypeVar("T")

CONNECT = 3.0
"""Seconds a server may take to accept a connection, and to say what it can."""
GLANCE = 0.001
"""Seconds the loop runs to see what has arrived."""
RATES = range(4_000, 192_001)
"""Samples a second that sound may have."""
LINE = 4 * 1024 * 1024
"""Bytes of one line of JSON. Older servers put hundreds of voices into one; asyncio's 64 KiB are too few."""


class WyomingRecogniser(InPieces):
    """Speech to text. Sound is sent while it is taken, so the server may work before the end."""

    name = "wyoming"

    def __init__(self, host: str, port: int, model: str = "", *, timeout: float = 15.0) -> None:
        """``timeout``: seconds from the end of an utterance to its words."""
        self._server = _Server(host, port, timeout, "voice.stt")
        self._model = model
        self._languages: tuple[str, ...] = ()
        self._utterance: _Utterance | None = None
        self._failure: EngineFailed | None = None

    @property
    def languages(self) -> tuple[str, ...]:
        """Asked of the server until it has answered once."""
        if not self._languages:
            self._languages = self._server.languages("asr", "models", self._model)
        return self._languages

    def begin(self, language: str) -> None:
        """Connects. What goes wrong here and in ``take`` is raised by ``end``."""
        self._forget()
        with self._keeping_failures():
            self._utterance = self._server.run(_begun(self._server, self._model, language))

    def take(self, pcm: bytes) -> str:
        if self._utterance is None:
            return ""
        if self._failure is None:
            with self._keeping_failures():
                self._server.run(self._utterance.send(pcm))
        return self._utterance.words

    def end(self) -> str:
        try:
            if self._failure is not None:
                raise self._failure
            return self._server.run(self._utterance.ended()) if self._utterance is not None else ""
        finally:
            self._forget()

    def _forget(self) -> None:
        if self._utterance is not None:
            self._server.run(self._utterance.abandon())
        self._utterance = self._failure = None

    @contextmanager
    def _keeping_failures(self) -> Iterator[None]:
        try:
            yield
        except EngineFailed as failure:
            self._failure = failure


class WyomingSynthesiser:
    """Text to speech."""

    name = "wyoming"

    def __init__(self, host: str, port: int, voice: str = "", *, timeout: float = 15.0) -> None:
        """``timeout``: seconds to the first sound, and between two pieces of it."""
        self._server = _Server(host, port, timeout, "voice.tts")
        self._voice = voice
        self._languages: tuple[str, ...] = ()

    @property
    def languages(self) -> tuple[str, ...]:
        """Asked of the server until it has answered once."""
        if not self._languages:
            self._languages = self._server.languages("tts", "voices", self._voice)
        return self._languages

    def speak(self, text: str, language: str) -> Iterator[Sound]:
        run, mono = self._server.run, AudioChunkConverter(width=2, channels=1)
        link = run(self._server.connect())
        try:
            run(link.write(Synthesize(text=text, voice=self._voice_for(language))))
            while (sound := run(_next_sound(link, mono))) is not None:
                yield sound
        finally:
            run(link.close())

    def _voice_for(self, language: str) -> Any:
        """A named voice has its language; without a name the server chooses."""
        if self._voice:
            return SynthesizeVoice(name=self._voice)
        return SynthesizeVoice(language=language) if language else None


class _Server:
    """Where it is, how long it may take, and the loop that talks to it."""

    def __init__(self, host: str, port: int, timeout: float, setting: str) -> None:
        self._host, self._port, self._setting = host, port, setting
        self.timeout = timeout
        self._loop = asyncio.new_event_loop()
        self._where = f"the speech server at tcp://{f'[{host}]' if ':' in host else host}:{port}"

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    async def connect(self) -> "_Link":
        with self.in_words(CONNECT):
            async with asyncio.timeout(CONNECT):
                reader, writer = await asyncio.open_connection(self._host, self._port, limit=LINE)
        return _Link(self, reader, writer)

    def languages(self, kind: str, plural: str, name: str) -> tuple[str, ...]:
        """Of the model or voice ``name``; none of a server that does not say."""
        with suppress(EngineFailed), self.in_words(CONNECT):
            programs = getattr(self.run(self._info()), kind)
            return _languages([it for program in programs for it in getattr(program, plural)], name)
        return ()

    async def _info(self) -> Any:
        link = await self.connect()
        try:
            await link.write(Describe())
            with self.in_words(CONNECT):
                async with asyncio.timeout(CONNECT):
                    while not Info.is_type((event := await link.read()).type):
                        pass
                return Info.from_event(event)
        finally:
            await link.close()

    @contextmanager
    def in_words(self, limit: float) -> Iterator[None]:
        """Whatever fails here fails as ``EngineFailed``."""
        try:
            yield
        except EngineFailed:
            raise
        except TimeoutError as error:
            raise self.failed(f"did not answer within {limit:g} seconds: look at its log") from error
        except EOFError as error:
            raise self.broke_off() from error
        except OSError as error:
            why = error.strerror or "no connection"
            raise self.failed(f"cannot be reached ({why}): start it, or change {self._setting}") from error
        except Exception as error:  # the package has no error of its own for what it cannot read
            raise self.speaks_nonsense() from error

    def failed(self, what: str) -> EngineFailed:
        return EngineFailed(f"{self._where} {what}")

    def broke_off(self) -> EngineFailed:
        return self.failed("broke off before its answer was there: look at its log")

    def speaks_nonsense(self) -> EngineFailed:
        return self.failed(f"does not speak Wyoming: is {self._setting}.address the right port?")


class _Link:
    """A connection to a server."""

    def __init__(self, server: _Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self._reader, self._writer = server, reader, writer

    async def write(self, what: Eventable) -> None:
        with self.server.in_words(self.server.timeout):
            async with asyncio.timeout(self.server.timeout):
                await async_write_event(what.event(), self._writer)

    async def read(self) -> Event:
        """The next event, however long it takes."""
        with self.server.in_words(self.server.timeout):
            event = await async_read_event(self._reader)
            if event is None:  # the end, or a line that was no JSON
                raise self.server.broke_off() if self._reader.at_eof() else self.server.speaks_nonsense()
            if Error.is_type(event.type):
                raise self.server.failed(f"says: {_cut(Error.from_event(event).text)}")
            return event

    async def close(self) -> None:
        """At once: what was not sent or read yet, nobody wants any more."""
        self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()


class _Utterance:
    """One that is under way: sound goes out while words may come in."""

    words = ""

    def __init__(self, link: _Link) -> None:
        self._link = link
        self._hearing = asyncio.create_task(self._hear())

    async def send(self, pcm: bytes) -> None:
        """Does nothing once the server has its words: some find the end of speech by themselves."""
        if not await self._is_over():
            await self._link.write(AudioChunk(rate=RATE, width=2, channels=1, audio=pcm))

    async def ended(self) -> str:
        if not await self._is_over():
            await self._link.write(AudioStop())
        server = self._link.server
        with server.in_words(server.timeout):
            async with asyncio.timeout(server.timeout):
                await self._hearing
        return self.words.strip()

    async def abandon(self) -> None:
        self._hearing.cancel()
        await asyncio.gather(self._hearing, return_exceptions=True)
        await self._link.close()

    async def _is_over(self) -> bool:
        """Raises what went wrong meanwhile."""
        await asyncio.wait({self._hearing}, timeout=GLANCE)
        if self._hearing.done():
            self._hearing.result()
        return self._hearing.done()

    async def _hear(self) -> None:
        while True:
            event = await self._link.read()
            if Transcript.is_type(event.type):
                self.words = self._text(event)
                return
            if TranscriptStop.is_type(event.type):
                return
            if TranscriptChunk.is_type(event.type):
                self.words += self._text(event)

    def _text(self, event: Event) -> str:
        text = (event.data or {}).get("text")
        if isinstance(text, str):
            return text
        raise self._link.server.speaks_nonsense()


async def _begun(server: _Server, model: str, language: str) -> _Utterance:
    link = await server.connect()
    try:
        await link.write(Transcribe(name=model or None, language=language or None))
        await link.write(AudioStart(rate=RATE, width=2, channels=1))
    except EngineFailed:
        await link.close()
        raise
    return _Utterance(link)


async def _next_sound(link: _Link, mono: Any) -> Sound | None:
    """None: that was all."""
    server = link.server
    with server.in_words(server.timeout):
        async with asyncio.timeout(server.timeout):
            while not AudioStop.is_type((event := await link.read()).type):
                if AudioChunk.is_type(event.type) and event.payload:
                    return _sound(mono.convert(AudioChunk.from_event(event)))
    return None


def _sound(chunk: Any) -> Sound:
    if chunk.rate not in RATES or len(chunk.audio) % 2:
        raise ValueError("no sound is like this")
    return Sound(chunk.rate, chunk.audio)


def _languages(offered: Iterable[Any], name: str) -> tuple[str, ...]:
    """Of the model or voice of that name; else of all that are there. ``de_AT`` is German too."""
    there = [it for it in offered if it.installed]
    chosen = [it for it in there if it.name == name] or there
    codes = {code.replace("_", "-").partition("-")[0].lower() for it in chosen for code in it.languages}
    return tuple(sorted(code for code in codes if len(code) == 2))


def _cut(text: object) -> str:
    return " ".join(str(text).split())[:300]
