"""The two children of the voice device as the host sees them: asked, set, watched, started again."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from clawft.domain.config import ConfigData
from clawft.domain.voice import VoiceDevice, VoiceEngines, VoiceSettings
from clawft.domain.voice_wire import (
    Alive,
    DeviceClosed,
    DeviceLost,
    DeviceOpened,
    Devices,
    EnginesReady,
    FromIo,
    FromSpeech,
    Heard,
    ListDevices,
    MeasureMic,
    MeasureSpeaker,
    MicMeasured,
    Play,
    SetDevice,
    SetSpeech,
    SpeakerMeasured,
    Spoken,
    Synthesise,
    Synthesised,
    ToIo,
    ToSpeech,
    Transcribe,
    Transcribed,
)
from clawft.drivers.audio.children import Child
from clawft.errors import Unavailable

A = TypeVar("A")
log = logging.getLogger(__name__)

WAKE_PHRASE = "hey jarvis"
IO_PATIENCE, SPEECH_PATIENCE = 2.0, 8.0
"""Seconds without a sign of life. Recognition holds its process for up to two."""
MEASURE_WITHIN = 2.5
"""Seconds; the contract allows three."""
SPEECH_WITHIN = 60.0
"""Seconds to make or to recognise a whole recording."""
GONE_WITHIN = 2.0
"""Seconds a process has to be gone when it is killed."""
CLOSE_WITHIN = 0.25
"""Seconds to let go of the microphone; then the process goes instead."""


class Listener(Protocol):
    """Who is told what the children say, on the loop's thread."""

    def heard_from(self, message: Any) -> None: ...
    def device_opened(self) -> None: ...
    def device_lost(self, reason: str, hint: str) -> None: ...
    def speech_died(self, why: str) -> None: ...


class Sound:
    """Runs the children while they are needed. ``background`` starts a task that lives with the actor.

    No sound passes through a mailbox: what one child says for the other is handed on as it comes.
    """

    def __init__(
        self,
        listener: Listener,
        background: Callable[[Coroutine[Any, Any, Any]], "asyncio.Task[Any]"],
        wake: Path,
    ) -> None:
        self._listener, self._background = listener, background
        self._wake_folder = str(wake)
        self._io: Child[FromIo] = Child(
            "io_child",
            FromIo,
            patience=IO_PATIENCE,
            hear=self._from_io,
            began=lambda: self._io.send(self._device),
            died=self._io_died,
        )
        self._speech: Child[FromSpeech] = Child(
            "speech_child",
            FromSpeech,
            patience=SPEECH_PATIENCE,
            hear=self._from_speech,
            began=lambda: self._speech.send(self._engines),
            died=self._speech_died,
        )
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._ending: set[asyncio.Task[Any]] = set()
        self._device = SetDevice(open=False)
        self._engines = SetSpeech("pocketsphinx", "espeak")
        self._opened: DeviceOpened | None = None
        self._ready: EnginesReady | None = None
        self._alive = Alive()
        self._asked: dict[Any, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._speech_is_ready = asyncio.Event()
        self._closed = asyncio.Event()

    # -- how it stands

    @property
    def is_open(self) -> bool:
        return self._opened is not None

    @property
    def device(self) -> VoiceDevice | None:
        if self._opened is None:
            return None
        return VoiceDevice(
            self._opened.microphone,
            self._opened.speaker,
            self._opened.rate,
            overruns=self._alive.overruns,
            filled_ms=self._alive.filled_ms,
            dropped_ms=self._alive.dropped_ms,
            restarts=max(0, self._io.starts - 1) + max(0, self._speech.starts - 1),
            cpu_seconds=round(self._alive.cpu, 2),
        )

    @property
    def engines(self) -> VoiceEngines | None:
        return VoiceEngines(self._ready.stt, self._ready.tts) if self._ready else None

    @property
    def ready(self) -> EnginesReady | None:
        return self._ready

    @property
    def pids(self) -> tuple[int | None, int | None]:
        return self._io.pid, self._speech.pid

    # -- what is said to them

    def to_io(self, message: ToIo) -> None:
        self._io.send(message)

    def to_speech(self, message: ToSpeech) -> None:
        self._speech.send(message)

    def set(self, settings: VoiceSettings) -> None:
        """In effect within milliseconds where the children run; they are started where they are needed."""
        self._device = SetDevice(
            open=settings.enabled,
            microphone=settings.microphone or "",
            speaker=settings.speaker or "",
            wake_phrase=(settings.wake_word or WAKE_PHRASE) if settings.wake_word_enabled else "",
            wake_folder=self._wake_folder,
            echo_cancel=settings.echo_cancel,
            noise_suppression=settings.noise_suppression,
            button=settings.push_to_talk,
            cues=settings.cues is not False,
        )
        if settings.enabled:
            self._run("io", self._io.run)
            self._run("speech", self._speech.run)
        self._io.send(self._device)

    def set_engines(self, engines: SetSpeech) -> None:
        if engines != self._engines:
            self._engines = engines
            self._speech_is_ready.clear()
            self._speech.send(engines)

    async def close(self) -> None:
        """The microphone is free when it returns; the processes are gone a little later."""
        self._closed.clear()
        self._device = replace(self._device, open=False)
        if "io" not in self._tasks:
            return
        self._io.send(self._device)
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await self._closed.wait()
        except TimeoutError:
            log.warning("the process at the sound card did not let go of it, and is killed")
        self.end()

    async def gone(self) -> None:
        """Both processes have gone when it returns."""
        self.end()
        if self._ending:
            await asyncio.wait(self._ending, timeout=GONE_WITHIN)

    def end(self) -> None:
        """Both processes go."""
        for task in self._tasks.values():
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        self._tasks.clear()
        self._opened = self._ready = None
        self._speech_is_ready.clear()
        self._fail_all("voice was switched off")

    # -- what is asked of them

    async def measure_mic(self) -> MicMeasured:
        return await self._ask_io(MeasureMic(), MicMeasured)

    async def measure_speaker(self) -> SpeakerMeasured:
        return await self._ask_io(MeasureSpeaker(), SpeakerMeasured)

    async def devices(self) -> Devices:
        return await self._ask_io(ListDevices(), Devices)

    async def synthesise(self, text: str, language: str) -> Synthesised:
        """Starts the process for it where it does not run. Raises ``Unavailable``."""
        id = await self._speech_there()
        made: Synthesised = await self._answer(
            id, SPEECH_WITHIN, lambda: self._speech.send(Synthesise(id, text, language))
        )
        return made

    async def transcribe(self, pcm: bytes, language: str) -> Transcribed:
        id = await self._speech_there()
        found: Transcribed = await self._answer(
            id, SPEECH_WITHIN, lambda: self._speech.send(Transcribe(id, pcm, language))
        )
        return found

    async def _speech_there(self) -> int:
        self._run("speech", self._speech.run)
        try:
            async with asyncio.timeout(SPEECH_WITHIN):
                await self._speech_is_ready.wait()
        except TimeoutError:
            raise Unavailable("the process that speaks does not start", retry_after=5.0) from None
        return next(self._numbers)

    async def _ask_io(self, question: ToIo, kind: type[A]) -> A:
        found: A = await self._answer(kind, MEASURE_WITHIN, lambda: self._io.send(question))
        return found

    async def _answer(self, key: Any, seconds: float, send: Callable[[], None]) -> Any:
        if (there := self._asked.get(key)) is None:
            there = self._asked[key] = asyncio.get_running_loop().create_future()
            send()
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(there)
        except TimeoutError:
            raise Unavailable(f"the sound system did not answer within {seconds:g} seconds") from None
        finally:
            if self._asked.get(key) is there:
                del self._asked[key]

    def _settle(self, key: Any, answer: Any) -> None:
        if (there := self._asked.pop(key, None)) is not None and not there.done():
            there.set_result(answer)

    def _fail_all(self, why: str) -> None:
        asked, self._asked = self._asked, {}
        for there in asked.values():
            if not there.done():
                there.set_exception(Unavailable(why))
                there.exception()  # whoever asked may be gone

    def _run(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if name not in self._tasks or self._tasks[name].done():
            self._tasks[name] = self._background(run())

    # -- what they say

    def _from_io(self, message: FromIo) -> None:
        match message:
            case Alive():
                self._alive = message
            case Heard():
                self._speech.send(message)
            case MicMeasured() | SpeakerMeasured() | Devices():
                self._settle(type(message), message)
            case DeviceOpened():
                self._opened = message
                self._listener.device_opened()
            case DeviceLost():
                self._lost(message.reason, message.hint)
            case DeviceClosed():
                self._opened = None
                self._closed.set()
            case _:
                self._listener.heard_from(message)

    def _from_speech(self, message: FromSpeech) -> None:
        match message:
            case Alive():
                pass
            case Spoken():
                self._io.send(Play(message.answer, message.rate, message.pcm))
            case Synthesised() | Transcribed():
                self._settle(message.id, message)
            case EnginesReady():
                self._ready = message
                self._speech_is_ready.set()
                self._listener.heard_from(message)
            case _:
                self._listener.heard_from(message)

    def _lost(self, reason: str, hint: str) -> None:
        self._opened = None
        self._listener.device_lost(reason, hint)

    def _io_died(self, why: str) -> None:
        self._fail_all(f"the process at the sound card: {why}")
        self._lost(f"the process at the sound card was lost: {why}", "it is started again")

    def _speech_died(self, why: str) -> None:
        self._ready = None
        self._speech_is_ready.clear()
        self._fail_all(f"the process that hears and speaks: {why}")
        self._listener.speech_died(why)


def engines_of(config: ConfigData, keys: dict[str, str], bases: dict[str, str]) -> SetSpeech:
    """Which engines the config asks for. ``keys`` and ``bases`` are of the providers it names."""
    stt, tts = config.voice.stt, config.voice.tts
    hears, speaks = stt.provider or "openai", tts.provider or "openai"
    return SetSpeech(
        stt.engine,
        tts.engine,
        stt_address=bases.get(hears, "") if stt.engine == "openai" else stt.address,
        stt_key=keys.get(hears, "") if stt.engine == "openai" else "",
        stt_model=stt.model,
        tts_address=bases.get(speaks, "") if tts.engine == "openai" else tts.address,
        tts_key=keys.get(speaks, "") if tts.engine == "openai" else "",
        tts_model=tts.model,
        tts_voice=tts.voice,
    )
