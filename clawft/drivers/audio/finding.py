"""What a look at the sound card found: passed from the process that looks to the host."""

import msgspec

from clawft.domain.voice_wire import DeviceName, MicMeasured, SpeakerMeasured

BROKEN_HINT = "the ALSA configuration is probably broken: look at ~/.asoundrc and /etc/asound.conf"


class Finding(msgspec.Struct, frozen=True):
    """``error`` is empty when all went well."""

    error: str = ""
    hint: str = ""
    mic: MicMeasured | None = None
    speaker: SpeakerMeasured | None = None
    devices: tuple[DeviceName, ...] = ()
