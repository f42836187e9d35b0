"""``voice-io``: the process at the sound card. Run as ``python -P -m clawft.drivers.audio.io_child``.

It has PortAudio to itself because a broken ALSA configuration aborts the process that loads it, a frozen
sound server hangs whoever closes a stream, and two busy threads beside the callbacks cost 200 glitches in
12 s, where busy other processes cost none.
"""

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from clawft.domain.turn_taking import Rules
from clawft.domain.voice_wire import (
    Alive,
    Cue,
    DeviceClosed,
    DeviceLost,
    DeviceOpened,
    Devices,
    Hush,
    Level,
    ListDevices,
    Listen,
    MeasureMic,
    MeasureSpeaker,
    Play,
    PlayedOut,
    Press,
    Quit,
    Rest,
    Resume,
    Said,
    SetDevice,
    ToIo,
    Trouble,
    Wait,
)
from clawft.drivers.audio.cleaning import Cleaning
from clawft.drivers.audio.ear import Ear
from clawft.drivers.audio.engines import EngineFailed
from clawft.drivers.audio.gaps import Gaps
from clawft.drivers.audio.measuring import loudest
from clawft.drivers.audio.mouth import Mouth
from clawft.drivers.audio.rings import Samples
from clawft.drivers.audio.sound_server import SoundServer
from clawft.drivers.audio.streams import NoDevice, Streams, devices_of, look_again, portaudio
from clawft.drivers.audio.trying import Trying
from clawft.drivers.audio.wire import ChildEnd

BUSY_NAP, IDLE_NAP = 0.008, 0.06
"""Seconds between two looks at the rings: talking, and waiting for the wake word."""
ALIVE_EVERY, LEVEL_EVERY = 0.5, 0.1
TRY_EVERY = 1.0
"""Seconds between two tries to open a device that is not there."""
DEAF_AFTER = 1.0
"""Seconds of exact zeros after which a microphone that was heard counts as gone: real ones have noise."""


class Device:
    """Streams, and what is done with their sound."""

    def __init__(self, streams: Streams, setting: SetDevice, ear: Ear, say: Callable[[Said], None]) -> None:
        self.streams = streams
        self.mouth = Mouth(streams.play, streams.rate, say)
        self.cleaning = Cleaning(streams.rate, echo=setting.echo_cancel, noise=setting.noise_suppression)
        self._near_gaps, self._far_gaps = Gaps(streams.rate), Gaps(streams.rate)
        self._ear = ear
        self._overruns = 0
        self.trying: Trying | None = None
        self._zeros_since = 0.0
        self._was_heard = False
        self.level = 0.0
        ear.mouth = self.mouth

    def do(self, order: ToIo, say: Callable[[Said], None]) -> None:
        if isinstance(order, MeasureMic | MeasureSpeaker):
            self.trying = Trying(self, isinstance(order, MeasureSpeaker), say)
        else:
            _tell_mouth(self.mouth, order)

    def work(self) -> None:
        """All the sound that has come since."""
        streams, ear = self.streams, self._ear
        self.mouth.look()
        far, near = streams.far.take(), streams.near.take()
        far = _filled(far, self._far_gaps.missing(streams.far.written, streams.played_at))
        near = _filled(near, gap := self._near_gaps.missing(streams.near.written, streams.heard_at))
        if gap or streams.overruns != self._overruns:
            self._overruns = streams.overruns
            ear.turns.overrun()
        if len(near):
            self.level = max(self.level, loudest(near, streams.rate))
            self._mind_silence(near)
        if self.trying is not None and len(near):
            self.trying.take(near)
        bypass = ear.is_idle and not self.mouth.was_audible
        for frame in self.cleaning.clean(near, far, bypass=bypass):
            ear.hear(frame)

    def _mind_silence(self, near: Samples) -> None:
        if np.any(near):
            self._zeros_since, self._was_heard = 0.0, True
        elif not self._zeros_since:
            self._zeros_since = time.monotonic()

    @property
    def is_deaf(self) -> bool:
        return self._was_heard and 0 < self._zeros_since < time.monotonic() - DEAF_AFTER

    @property
    def filled(self) -> int:
        return self._near_gaps.filled + self._far_gaps.filled

    @property
    def is_busy(self) -> bool:
        return self.mouth.is_busy or not self._ear.is_idle or self.trying is not None


class IoChild:
    """The loop of the process. One thread does everything but reading, writing and the callbacks."""

    def __init__(self) -> None:
        self._host: ChildEnd[ToIo] = ChildEnd(ToIo)
        self._orders: queue.SimpleQueue[ToIo | None] = queue.SimpleQueue()
        self._server = SoundServer()
        self._setting = SetDevice(open=False)
        self._device: Device | None = None
        self._sound: Any = None
        self._ear = Ear(self._host.say, Rules())
        self._lost_told = ""
        self._try_at = self._alive_at = self._level_at = self._worst = 0.0
        self._rings_dropped = self._filled = self._overruns = 0

    def run(self) -> None:
        threading.Thread(target=self._read, name="reads", daemon=True).start()
        _hurry()
        awake = time.monotonic()
        while True:
            self._worst = max(self._worst, time.monotonic() - awake)
            while not self._orders.empty():
                order = self._orders.get()
                if order is None or isinstance(order, Quit):
                    self._leave()
                    return
                self._do(order)
            self._step()
            nap = BUSY_NAP if self._device is not None and self._device.is_busy else IDLE_NAP
            awake = time.monotonic() + nap
            time.sleep(nap)

    def _read(self) -> None:
        for message in self._host.messages():
            self._orders.put(message)
        self._orders.put(None)
        time.sleep(1.0)
        os._exit(0)  # the loop hangs in PortAudio, and the host is gone

    def _leave(self) -> None:
        self._server.close()
        if self._device is not None and not self._device.streams.is_frozen:
            self._device.streams.close()

    # -- what it is told

    def _do(self, order: ToIo) -> None:
        match order:
            case SetDevice():
                self._set(order)
            case ListDevices():
                self._host.say(self._list())
            case Listen() | Wait() | Rest() | Press():
                _tell_ear(self._ear, order)
            case _ if self._device is not None:
                self._device.do(order, self._host.say)

    def _set(self, setting: SetDevice) -> None:
        before, self._setting = self._setting, setting
        ear = self._ear
        ear.button, ear.cues = setting.button, setting.cues
        ear.turns.half_duplex = not setting.echo_cancel
        if (before.wake_phrase, before.wake_folder) != (setting.wake_phrase, setting.wake_folder):
            self._choose_wake_word(setting)
        moved = (before.microphone, before.speaker) != (setting.microphone, setting.speaker)
        if self._device is not None and (moved or not setting.open):
            self._close()
        if self._device is not None:
            self._device.cleaning.set(echo=setting.echo_cancel, noise=setting.noise_suppression)
        if setting.open:
            self._try_at = 0.0
        else:
            self._host.say(DeviceClosed())

    def _choose_wake_word(self, setting: SetDevice) -> None:
        self._ear.wake_word = None
        if not setting.wake_phrase:
            return
        from clawft.drivers.audio.wake_words import find

        try:
            self._ear.wake_word = find(setting.wake_phrase, Path(setting.wake_folder))
        except EngineFailed as error:
            self._host.say(Trouble(str(error)))

    def _list(self) -> Devices:
        try:
            sound = self._loaded()
            if self._device is None:
                look_again(sound)  # the list is of the moment at which PortAudio was loaded
            return devices_of(sound)
        except NoDevice as error:
            return Devices(error=error.reason)

    # -- what it does by itself

    def _step(self) -> None:
        now = time.monotonic()
        if self._device is not None:
            self._device.work()
            self._look_after(self._device)
        elif self._setting.open and (now >= self._try_at or self._server.changed.is_set()):
            self._try_at = now + TRY_EVERY
            self._server.changed.clear()
            self._open()
        if now >= self._alive_at:
            self._alive_at = now + ALIVE_EVERY
            self._host.say(self._alive())
        if self._device is not None and now >= self._level_at:
            self._level_at = now + LEVEL_EVERY
            self._host.say(Level(round(self._device.level, 3)))
            self._device.level = 0.0

    def _alive(self) -> Alive:
        worst, self._worst = self._worst, 0.0
        rate, dropped, filled, overruns = 48_000, self._rings_dropped, self._filled, self._overruns
        if self._device is not None:
            streams = self._device.streams
            rate = streams.rate
            dropped += streams.near.dropped + streams.far.dropped
            filled += self._device.filled
            overruns += streams.overruns
        return Alive(
            dropped_ms=round(1000 * dropped / rate + self._host.dropped / 32, 1),
            filled_ms=round(1000 * filled / rate, 1),
            overruns=overruns,
            cpu=time.process_time(),
            lag_ms=round(1000 * worst, 1),
        )

    def _loaded(self) -> Any:
        if self._sound is None:
            self._sound = portaudio()
        return self._sound

    def _open(self) -> None:
        try:
            first = self._sound is None
            sound = self._loaded()
            if not first:
                look_again(sound)
            streams = Streams(sound, microphone=self._setting.microphone, speaker=self._setting.speaker)
        except NoDevice as error:
            self._lose(error.reason, error.hint)
            return
        if self._server.follows and self._server.hears_only_itself():
            streams.close()
            self._lose("there is no microphone", "plug one in")
            return
        self._device = Device(streams, self._setting, self._ear, self._host.say)
        self._lost_told = ""
        self._host.say(DeviceOpened(streams.microphone, streams.speaker, streams.rate))

    def _look_after(self, device: Device) -> None:
        why = device.streams.why_lost()
        if not why and device.is_deaf:
            why = "the microphone gives nothing but digital silence: it is muted or gone"
        if not why and self._server.changed.is_set():
            self._server.changed.clear()
            if self._server.hears_only_itself():
                why = "the microphone is gone"
        if not why:
            return
        if device.streams.is_frozen:
            self._lose(why, "restart the sound server")
            time.sleep(0.1)  # for the thread that writes
            os._exit(3)
        self._close()
        self._lose(why, "plug it in again")
        self._try_at = time.monotonic() + 0.2

    def _lose(self, reason: str, hint: str) -> None:
        if reason != self._lost_told:
            self._lost_told = reason
            self._host.say(DeviceLost(reason, hint))

    def _close(self) -> None:
        device = self._device
        if device is None:
            return
        self._device, self._ear.mouth = None, None
        self._ear.rest()
        self._rings_dropped += device.streams.near.dropped + device.streams.far.dropped
        self._filled += device.filled
        self._overruns += device.streams.overruns
        device.streams.close()


def _tell_ear(ear: Ear, order: Listen | Wait | Rest | Press) -> None:
    match order:
        case Listen():
            ear.listen(order.patience)
        case Wait():
            ear.wait()
        case Rest():
            ear.rest()
        case Press():
            ear.press(order.down)


def _tell_mouth(mouth: Mouth, order: ToIo) -> None:
    match order:
        case Play():
            mouth.take(order)
        case PlayedOut():
            mouth.no_more(order.answer)
        case Resume():
            mouth.resume()
        case Hush():
            mouth.hush(order.answer)
        case Cue():
            mouth.cue(order.kind)


def _filled(samples: Samples, missing: int) -> Samples:
    """With silence first, where samples were lost before them."""
    return np.concatenate((np.zeros(missing, np.float32), samples)) if missing else samples


def _hurry() -> None:
    """Real-time scheduling, or the next best that is allowed: the callbacks' thread inherits it."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(5))
        return
    with contextlib.suppress(OSError):
        os.nice(-10)


if __name__ == "__main__":
    IoChild().run()
