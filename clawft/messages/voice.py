"""What can be asked of the voice device."""

from msgspec import structs

from clawft.domain.values import UNSET, Ok, Success, UnsetType
from clawft.domain.voice import Language, MicTest, SpeakerTest, VoiceSettings, VoiceStatus
from clawft.runtime import Ask


class GetVoiceStatus(Ask[VoiceStatus], frozen=True):
    """The device as it is now."""


class PutVoiceSettings(Ask[Success], frozen=True, rename="camel"):
    """Change what is given, keep the rest."""

    enabled: bool | UnsetType = UNSET
    wake_word_enabled: bool | UnsetType = UNSET
    language: Language | UnsetType = UNSET
    echo_cancel: bool | UnsetType = UNSET
    noise_suppression: bool | UnsetType = UNSET
    push_to_talk: bool | UnsetType = UNSET

    def applied_to(self, settings: VoiceSettings) -> VoiceSettings:
        """The settings with what was given."""
        given = {name: value for name, value in structs.asdict(self).items() if value is not UNSET}
        return structs.replace(settings, **given)


class TestMic(Ask[MicTest], frozen=True):
    """Listen for about a second and say how loud it was."""

    __test__ = False  # pytest collects classes by this name


class TestSpeaker(Ask[SpeakerTest], frozen=True):
    """Play a tone."""

    __test__ = False


class PushToTalk(Ask[Ok], frozen=True):
    """A person pressed the button to talk, or let it go."""

    pressed: bool
