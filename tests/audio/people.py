"""People for tests: voices of flite, a room with a noise floor, and ears at the speaker."""

import contextlib
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import soxr

from clawft.drivers.audio.recordings import read_wav
from clawft.drivers.audio.rings import Samples

RATE = 48_000
FLOOR_DB = -60.0
"""A quiet room. In digital silence noise suppression eats first syllables, and nothing is ever so silent."""
AUDIBLE = 0.005


def _at_once(*command: str) -> list[str]:
    """Where it is allowed, people in the room do not stutter because the machine is busy."""
    try:
        subprocess.run(["chrt", "--rr", "5", "true"], check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return list(command)
    return ["chrt", "--rr", "5", *command]


RAW = ("--raw", "--format=float32le", f"--rate={RATE}", "--channels=1")


@cache
def say(text: str, voice: str = "rms", rate: int = RATE) -> Samples:
    """What a person says, at -23 dBFS, without silence around it."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", file.name], check=True, timeout=60)
        pcm = read_wav(Path(file.name).read_bytes(), file.name)
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768.0
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    samples = samples[loud[0] : loud[-1] + 1]
    return level(soxr.resample(samples, 16_000, rate).astype(np.float32), -23.0)


def level(samples: Samples, db: float) -> Samples:
    """With this RMS over its loud parts."""
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    energy = np.mean(np.square(frames), axis=1)
    rms = float(np.sqrt(energy[energy > energy.max() * 1e-3].mean()))
    louder: Samples = (samples * (10 ** (db / 20) / rms)).astype(np.float32)
    return louder


def silence(seconds: float, rate: int = RATE) -> Samples:
    return np.zeros(int(seconds * rate), np.float32)


def tone(seconds: float, db: float, *, rate: int = RATE) -> Samples:
    """A steady 440 Hz of this RMS."""
    wave: Samples = np.sin(2 * np.pi * 440.0 * np.arange(int(seconds * rate)) / rate).astype(np.float32)
    return (wave * np.float32(10 ** (db / 20) * np.sqrt(2))).astype(np.float32)


def pink(seconds: float, db: float, *, seed: int = 1, rate: int = RATE) -> Samples:
    """Noise whose power falls with the frequency, as that of rooms does."""
    count = int(seconds * rate)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    pitch = np.fft.rfftfreq(count, 1 / rate)
    pitch[0] = pitch[1]
    noise = np.fft.irfft(spectrum / np.sqrt(pitch), count)
    scaled: Samples = (noise * (10 ** (db / 20) / np.sqrt(np.mean(np.square(noise))))).astype(np.float32)
    return scaled


def word_errors(said: str, heard: str) -> float:
    """The share of words that would have to be changed, put in or taken out (Levenshtein's distance)."""
    wanted, got = said.lower().split(), heard.lower().split()
    row = list(range(len(got) + 1))
    for number, word in enumerate(wanted, start=1):
        before, row[0] = row[:], number
        for at, other in enumerate(got, start=1):
            row[at] = min(before[at] + 1, row[at - 1] + 1, before[at - 1] + (word != other))
    return row[-1] / max(len(wanted), 1)


class Room:
    """Where the virtual microphone stands. Use it as a context: it has a noise floor then."""

    def __enter__(self) -> "Room":
        self._noise = (pink(10.0, FLOOR_DB)).tobytes()
        self._player = self._play_process()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._hum, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._player.kill()
        self._player.wait()

    def _hum(self) -> None:
        """Begins again when the room was taken away and is back."""
        while not self._ended.is_set():
            with contextlib.suppress(OSError, ValueError):
                assert self._player.stdin is not None
                while not self._ended.is_set():
                    self._player.stdin.write(self._noise)
            time.sleep(0.1)
            if not self._ended.is_set() and self._player.poll() is not None:
                self._player = self._play_process()

    @staticmethod
    def _play_process() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            _at_once("pacat", "--playback", *RAW, "--device=room", "--latency-msec=60"),
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def play(self, samples: Samples) -> None:
        """Somebody in the room: returns when it was said."""
        subprocess.run(
            _at_once("pacat", "--playback", *RAW, "--device=room", "--latency-msec=40"),
            input=samples.tobytes(),
            check=True,
            timeout=60,
        )

    def say(self, text: str, voice: str = "rms") -> None:
        self.play(say(text, voice))


class Listener:
    """Ears at the speaker, or elsewhere: everything that is played there, with the time each piece came."""

    def __init__(self, where: str = "speaker.monitor") -> None:
        self._where = where

    def __enter__(self) -> "Listener":
        self._process = subprocess.Popen(
            _at_once("parec", *RAW, f"--device={self._where}", "--latency-msec=20"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._pieces: list[tuple[float, bytes]] = []
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):
            while piece := self._process.stdout.read(1920):  # 10 ms
                self._pieces.append((time.monotonic(), piece))

    def pieces(self) -> Iterator[tuple[float, Samples]]:
        for at, piece in list(self._pieces):
            yield at, np.frombuffer(piece[: len(piece) // 4 * 4], np.float32)

    @property
    def sound(self) -> Samples:
        found = [samples for _, samples in self.pieces()]
        return np.concatenate(found) if found else silence(0.0)

    def loud(self, since: float = 0.0, least: float = AUDIBLE) -> list[float]:
        """The times at which something was to be heard."""
        return [
            at
            for at, piece in self.pieces()
            if at >= since and float(np.max(np.abs(piece), initial=0.0)) > least
        ]
