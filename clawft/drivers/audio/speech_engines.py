"""Which engine hears and which speaks, by what the config says. Each is imported only when it is used."""

from urllib.parse import urlsplit

from clawft.domain.voice_wire import SetSpeech
from clawft.drivers.audio.engines import EngineFailed, Recogniser, Synthesiser


def recogniser(setting: SetSpeech) -> Recogniser:
    """Raises ``EngineFailed`` where it is not installed."""
    try:
        if setting.stt == "wyoming":
            from clawft.drivers.audio.wyoming import WyomingRecogniser

            return WyomingRecogniser(*_tcp(setting.stt_address), setting.stt_model)
        if setting.stt == "openai":
            from clawft.drivers.audio.openai_audio import OpenAiRecogniser

            return OpenAiRecogniser(setting.stt_address, setting.stt_key, setting.stt_model)
        from clawft.drivers.audio.sphinx import Sphinx

        return Sphinx()
    except ImportError as error:
        raise EngineFailed(f"{setting.stt} is not installed: pip install 'clawft[voice]'") from error


def synthesiser(setting: SetSpeech) -> Synthesiser:
    """Raises ``EngineFailed`` where it is not installed."""
    try:
        if setting.tts == "wyoming":
            from clawft.drivers.audio.wyoming import WyomingSynthesiser

            return WyomingSynthesiser(*_tcp(setting.tts_address), setting.tts_voice)
        if setting.tts == "openai":
            from clawft.drivers.audio.openai_audio import OpenAiSynthesiser

            return OpenAiSynthesiser(
                setting.tts_address, setting.tts_key, setting.tts_model, setting.tts_voice
            )
        from clawft.drivers.audio.espeak import Espeak

        return Espeak(setting.tts_voice)
    except ImportError as error:
        raise EngineFailed(f"{setting.tts} is not installed: pip install 'clawft[voice]'") from error


def _tcp(address: str) -> tuple[str, int]:
    parts = urlsplit(address)
    return parts.hostname or "", parts.port or 0
