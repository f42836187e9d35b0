"""``POST /api/voice/tts``: a text becomes a WAV file."""

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta

from clawft.domain.recordings import wav_of
from clawft.domain.voice import Language
from clawft.errors import Invalid, UnsupportedMedia
from clawft.messages.voice import MakeSpeech
from clawft.web.known import Known

PATIENCE = 60.0


class SpeechRequest(msgspec.Struct, frozen=True):
    """Members that others send (a provider, a voice's id) are not looked at: the config says who speaks."""

    text: Annotated[str, Meta(min_length=1, max_length=5000)]
    language: Language | msgspec.UnsetType = msgspec.UNSET


_decoder = msgspec.json.Decoder(SpeechRequest)


class Speech(Known):
    """Whoever may operate the host may have it speak."""

    scope = "operate"

    def allowed(self) -> tuple[str, ...]:
        return ("POST", "OPTIONS")

    async def post(self) -> None:
        if self.request.headers.get("Content-Type", "").split(";")[0].strip() != "application/json":
            raise UnsupportedMedia("the body has to be application/json")
        try:
            wanted = _decoder.decode(self.request.body)
        except msgspec.MsgspecError as error:
            raise Invalid(str(error)) from error
        async with asyncio.timeout(PATIENCE):
            made = await self.site.system.ask("voice", MakeSpeech(wanted.text, wanted.language or ""))
        self.set_header("Content-Type", "audio/wav")
        self.finish(wav_of(made.rate, made.pcm))
