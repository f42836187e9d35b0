"""Wake words: heard when they are said and not otherwise; and files that are not what they seem."""

import itertools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from clawft.drivers.audio import phrases
from clawft.drivers.audio.corpus import near_misses
from clawft.drivers.audio.embeddings import Floats, SpeechEmbedding, ends
from clawft.drivers.audio.engines import RATE, EngineFailed, WakeWord
from clawft.drivers.audio.phrases import HIDDEN, INPUTS, Model, TrainedPhrase, Weights
from clawft.drivers.audio.rooms import Room, heard
from clawft.drivers.audio.speakers import Manner, Speaker, say
from clawft.drivers.audio.wake_words import BUILT_IN, MicroWakeWord, find

PIECE = RATE // 100 * 2
"""Bytes of 10 ms."""
SPEAKERS = [Speaker("flite", name) for name in ("kal16", "awb", "slt", "rms")]
PACES = (0.9, 1.0, 1.1)
QUIET = Room()
NOISY = Room(noise="pink", snr=10.0)

needs_flite = pytest.mark.skipif(not shutil.which("flite"), reason="flite is not installed")
needs_espeak = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")


def spoken(text: str, speaker: Speaker, pace: float, room: Room = QUIET) -> tuple[bytes, int]:
    """A second of the room, the text, a second of the room; and the byte with which the text ends."""
    speech = say(text, speaker, Manner(pace))
    pause = np.zeros(RATE, np.float32)
    sound = heard(np.concatenate([pause, speech, pause]), room, np.random.default_rng(7))
    return sound.tobytes(), 2 * (len(pause) + len(speech))


def alarms(detector: WakeWord, sound: bytes) -> list[int]:
    """After how many bytes each alarm came."""
    starts = range(0, len(sound) - PIECE + 1, PIECE)
    return [at + PIECE for at in starts if detector.feed(sound[at : at + PIECE])]


def share_heard(text: str, room: Room) -> float:
    """How many of the speakers, at each pace, are heard."""
    detector = MicroWakeWord("hey jarvis")
    heard_once = []
    for speaker in SPEAKERS:
        for pace in PACES:
            detector.reset()
            heard_once.append(bool(alarms(detector, spoken(text, speaker, pace, room)[0])))
    return sum(heard_once) / len(heard_once)


@needs_flite
def test_hey_jarvis_is_heard_in_a_quiet_room() -> None:
    assert share_heard("hey jarvis", QUIET) >= 0.9


@needs_flite
def test_hey_jarvis_is_heard_in_noise() -> None:
    assert share_heard("hey jarvis", NOISY) >= 0.75


@needs_flite
@pytest.mark.parametrize("text", ["the weather is fine today", "hey martha, is the kettle on", "jars of jam"])
def test_other_speech_is_not_hey_jarvis(text: str) -> None:
    assert share_heard(text, QUIET) == 0


@needs_flite
def test_it_is_heard_within_300_ms_of_its_end_and_once() -> None:
    detector = MicroWakeWord("hey jarvis")
    for speaker in SPEAKERS:
        detector.reset()
        sound, end = spoken("hey jarvis", speaker, 1.0)
        (at,) = alarms(detector, sound)
        assert (at - end) / 2 / RATE <= 0.3


@needs_flite
def test_a_phrase_said_again_after_the_cool_down_is_heard_again() -> None:
    sound, _ = spoken("hey jarvis", SPEAKERS[2], 1.0)
    assert len(alarms(MicroWakeWord("hey jarvis"), sound + sound)) == 2
    without_pauses = sound[RATE * 2 : -RATE * 2]
    assert len(alarms(MicroWakeWord("hey jarvis"), sound[: RATE * 2] + without_pauses * 2)) == 1


def test_every_built_in_phrase_is_found_by_its_name(tmp_path: Path) -> None:
    assert [find(phrase.title(), tmp_path).phrase for phrase in BUILT_IN] == list(BUILT_IN)


def test_an_unknown_phrase_is_told_which_are_known(tmp_path: Path) -> None:
    phrases.save(model("hey weft"), tmp_path)
    with pytest.raises(EngineFailed, match="alexa, hey jarvis, hey mycroft, hey weft, okay nabu"):
        find("hey nobody", tmp_path)


@pytest.mark.parametrize("phrase", ["", "../secrets", "hey 'weft", "1", "x" * 61, "a\0b"])
def test_what_is_no_phrase_is_no_file_s_name(phrase: str, tmp_path: Path) -> None:
    if phrase == "hey 'weft":
        assert phrases.file_of(phrase, tmp_path) == tmp_path / "hey-weft.npz"
        return
    with pytest.raises(EngineFailed, match="wake phrase"):
        find(phrase, tmp_path)


def model(phrase: str, offset: float = 1.0) -> Model:
    """One that gives the same logit whatever it hears."""
    zeros: Floats = np.zeros(HIDDEN, np.float32)
    hidden: Floats = np.zeros((INPUTS, HIDDEN), np.float32)
    return Model(phrase, 0.5, Weights(hidden, zeros, zeros, np.array(offset, np.float32)))


def test_a_trained_phrase_is_kept_and_found(tmp_path: Path) -> None:
    path = phrases.save(model("hey weft"), tmp_path / "wake")
    assert (path.name, path.stat().st_mode & 0o077) == ("hey-weft.npz", 0)
    assert phrases.trained(tmp_path / "wake") == ("hey weft",)
    assert isinstance(find("Hey  Weft", tmp_path / "wake"), TrainedPhrase)
    assert phrases.trained(tmp_path / "nothing") == ()


def test_a_trained_phrase_goes_before_a_built_in_one(tmp_path: Path) -> None:
    phrases.save(model("alexa"), tmp_path)
    assert isinstance(find("alexa", tmp_path), TrainedPhrase)


def test_alarms_of_a_trained_phrase_are_two_seconds_apart_and_reset_forgets_that() -> None:
    detector = TrainedPhrase(model("hey weft"))
    seconds = [at / 2 / RATE for at in alarms(detector, bytes(5 * RATE * 2))]
    assert seconds[0] <= 0.2
    assert all(2.0 <= later - earlier <= 2.2 for earlier, later in itertools.pairwise(seconds))
    detector.reset()
    assert alarms(detector, bytes(RATE))
    assert not alarms(TrainedPhrase(model("hey weft", offset=0.0)), bytes(5 * RATE * 2))


def test_a_detector_sees_what_training_saw() -> None:
    """Piece by piece and all at once the embeddings are the same, up to where the window begins."""
    sound: NDArray[np.int16] = np.random.default_rng(1).normal(0, 800, 3 * RATE).astype(np.int16)
    ear = SpeechEmbedding()
    mels = ear.mels(sound)
    pieces = np.concatenate([ear.mels(sound[at : at + 2560 + 352]) for at in range(0, 30 * 1280, 2560)])
    assert np.allclose(mels[: len(pieces)], pieces, atol=1e-3)
    whole = ear.whole(sound)
    assert whole.shape == (len(ends(len(whole))), 96)
    assert ends(len(whole))[-1] <= len(sound)
    assert np.allclose(whole[5], ear.embed(mels[40 : 40 + 76])[0], atol=1e-2)


def damaged(members: dict[str, Any], path: Path) -> None:
    good = dict(np.load(path, allow_pickle=False))
    np.savez(path, **{**good, **members})


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"version": np.int64(99)}, "version 99"),
        ({"hidden": np.zeros((3, 4), np.float32)}, "hidden is float32"),
        ({"bias": np.zeros(HIDDEN)}, "bias is float64"),
        ({"output": np.full(HIDDEN, np.nan, np.float32)}, "output is not finite"),
        ({"threshold": np.float32(np.inf)}, "threshold is not finite"),
        ({"phrase": np.array([object()])}, "allow_pickle"),
    ],
)
def test_a_file_with_something_else_in_it_is_refused_by_name(
    members: dict[str, object], said: str, tmp_path: Path
) -> None:
    damaged(members, phrases.save(model("hey weft"), tmp_path))
    with pytest.raises(EngineFailed, match=f"hey-weft.npz is no trained phrase .*{said}.*train it again"):
        find("hey weft", tmp_path)
    assert phrases.trained(tmp_path) == ()


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_archive_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "hey-weft.npz").write_bytes(content)
    with pytest.raises(EngineFailed, match=r"hey-weft\.npz"):
        find("hey weft", tmp_path)


def test_every_byte_may_be_wrong(tmp_path: Path) -> None:
    path = phrases.save(model("hey weft"), tmp_path)
    good = path.read_bytes()
    for at in (0, 30, 200, len(good) // 2, len(good) - 300, len(good) - 10):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :])
        try:
            assert phrases.load(path).phrase
        except EngineFailed as refused:
            assert path.name in str(refused)  # noqa: PT017 - some bytes, such as dates, do no harm


@needs_espeak
def test_near_misses_do_not_sound_like_the_phrase() -> None:
    found = near_misses("hey weft")
    assert {"weft", "hey", "hey left", "hey west", "okay weft"} <= set(found)
    assert not {"hey weft", "hay weft", "hey wefft"} & set(found)
    assert len(near_misses("okay big blue house")) <= 300
