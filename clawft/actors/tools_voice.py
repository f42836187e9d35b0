"""The tools of the voice: to listen and to speak at the device, to read and to write recordings."""

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta

from clawft.domain.tools import ToolCall, ToolResult
from clawft.domain.voice import Recording
from clawft.drivers.audio.recordings import read_wav, wav_of
from clawft.drivers.tools.base import Tool, arguments_of, spec_of
from clawft.drivers.tools.workspace import Workspace
from clawft.messages.voice import HearWords, MakeSpeech, Say, TranscribeSound
from clawft.runtime import System


class VoiceListen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Listen at the microphone until somebody has said something, and give the words."""

    seconds: Annotated[int, Meta(ge=1, le=60, description="How long to wait for the first word")] = 15


class VoiceSpeak(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Say something aloud."""

    text: Annotated[str, Meta(min_length=1, max_length=5_000)]


class AudioTranscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Turn a recording in the workspace into words."""

    path: Annotated[str, Meta(min_length=1, max_length=4096, description="A WAV file in the workspace")]


class AudioSynthesize(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Turn words into a recording in the workspace."""

    text: Annotated[str, Meta(min_length=1, max_length=5_000)]
    path: Annotated[str, Meta(min_length=1, max_length=4096, description="The WAV file to write")]


class VoiceListenTool:
    spec = msgspec.structs.replace(
        spec_of("voice_listen", VoiceListen, effect="device", timeout=150.0), reads="outside"
    )

    def __init__(self, system: System) -> None:
        self._system = system

    async def run(self, call: ToolCall) -> ToolResult:
        wanted = arguments_of(call, VoiceListen)
        heard = await self._system.ask("voice", HearWords(float(wanted.seconds)))
        return ToolResult(heard.text or f"nobody said anything within {wanted.seconds} seconds")


class VoiceSpeakTool:
    spec = spec_of("voice_speak", VoiceSpeak, effect="device", timeout=120.0)

    def __init__(self, system: System) -> None:
        self._system = system

    async def run(self, call: ToolCall) -> ToolResult:
        await self._system.ask("voice", Say(arguments_of(call, VoiceSpeak).text))
        return ToolResult("it is being said, or has been")


class AudioTranscribeTool:
    spec = msgspec.structs.replace(spec_of("audio_transcribe", AudioTranscribe, timeout=90.0), reads="file")

    def __init__(self, system: System, workspace: Workspace) -> None:
        self._system, self._workspace = system, workspace

    async def run(self, call: ToolCall) -> ToolResult:
        path = arguments_of(call, AudioTranscribe).path
        pcm = await asyncio.to_thread(lambda: read_wav(self._workspace.read(path), path))
        heard = await self._system.ask("voice", TranscribeSound(pcm))
        return ToolResult(heard.text or f"no words were found in {path}")


class AudioSynthesizeTool:
    spec = spec_of("audio_synthesize", AudioSynthesize, effect="write", timeout=90.0)

    def __init__(self, system: System, workspace: Workspace) -> None:
        self._system, self._workspace = system, workspace

    async def run(self, call: ToolCall) -> ToolResult:
        wanted = arguments_of(call, AudioSynthesize)
        made: Recording = await self._system.ask("voice", MakeSpeech(wanted.text))
        await asyncio.to_thread(self._workspace.write, wanted.path, wav_of(made.rate, made.pcm))
        return ToolResult(f"{wanted.path}: {len(made.pcm) / 2 / made.rate:.1f} seconds of speech")


def voice_tools(system: System, workspace: Workspace) -> tuple[Tool, ...]:
    return (
        VoiceListenTool(system),
        VoiceSpeakTool(system),
        AudioTranscribeTool(system, workspace),
        AudioSynthesizeTool(system, workspace),
    )
