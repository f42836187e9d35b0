"""The tools of the voice: without a device that can be spoken with, each says what is missing."""

from typing import Annotated

import msgspec
from msgspec import Meta

from clawft.domain.tools import ToolCall, ToolResult, ToolSpec
from clawft.drivers.tools.base import Tool, spec_of


class VoiceListen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Listen at the microphone until somebody has said something, and give the words."""

    seconds: Annotated[int, Meta(ge=1, le=60, description="How long to listen at most")] = 15


class VoiceSpeak(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Say something aloud."""

    text: Annotated[str, Meta(min_length=1, max_length=10_000)]


class AudioTranscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Turn a recording in the workspace into words."""

    path: Annotated[str, Meta(min_length=1, max_length=4096, description="A WAV file in the workspace")]


class AudioSynthesize(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Turn words into a recording in the workspace."""

    text: Annotated[str, Meta(min_length=1, max_length=10_000)]
    path: Annotated[str, Meta(min_length=1, max_length=4096, description="The WAV file to write")]


class NoVoice:
    """A tool of the voice on a host that has none."""

    def __init__(self, spec: ToolSpec) -> None:
        self.spec = spec

    async def run(self, call: ToolCall) -> ToolResult:
        return ToolResult(
            f"there is no voice here: this host cannot hear or speak yet, so {call.name} was not done",
            is_error=True,
        )


def voice_tools() -> tuple[Tool, ...]:
    return (
        NoVoice(spec_of("voice_listen", VoiceListen, effect="device", timeout=70.0)),
        NoVoice(spec_of("voice_speak", VoiceSpeak, effect="device", timeout=60.0)),
        NoVoice(spec_of("audio_transcribe", AudioTranscribe, timeout=60.0)),
        NoVoice(spec_of("audio_synthesize", AudioSynthesize, effect="write", timeout=60.0)),
    )
