"""What echo cancelling, noise suppression and voice activity do, each measured."""

import numpy as np
import pytest
import soxr

from clawft.domain.turn_taking import SPEECH
from clawft.drivers.audio.activity import Activity
from clawft.drivers.audio.cleaning import FRAME, Cleaning
from clawft.drivers.audio.engines import RATE
from clawft.drivers.audio.espeak import Espeak
from clawft.drivers.audio.measuring import as_level, find_sweep, loudness, sweep
from clawft.drivers.audio.rings import Samples
from tests.audio.people import level, pink, say, silence, tone

CARD = 48_000
ECHO = int(0.12 * CARD)
"""The way from the output's buffer through the room to the input's: 120 ms."""
SENTENCES = (
    "Here is your summary for today. You have three meetings, the first one starts at nine thirty. "
    "The backup finished without errors, and two agents are still running. The weather will be cloudy."
)


def assistant() -> Samples:
    sounds = list(Espeak().speak(SENTENCES, "en"))
    pcm = np.frombuffer(b"".join(sound.pcm for sound in sounds), "<i2").astype(np.float32) / 32768.0
    spoken: Samples = soxr.resample(pcm, sounds[0].rate, CARD).astype(np.float32)
    return level(spoken, -23.0)


def clean(near: Samples, far: Samples, *, echo: bool, noise: bool, block: int = 480) -> Samples:
    cleaning = Cleaning(CARD, echo=echo, noise=noise)
    frames = [
        frame
        for at in range(0, len(near), block)
        for frame in cleaning.clean(near[at : at + block], far[at : at + block])
    ]
    return np.frombuffer(b"".join(frames), "<i2").astype(np.float32) / 32767.0


def decibels(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))


def echoed(far: Samples) -> Samples:
    near = np.concatenate((silence(ECHO / CARD), far))[: len(far)]
    return near + pink(len(far) / CARD + 1, -60.0)[: len(far)]


@pytest.mark.parametrize("block", [480, 2400])
def test_echo_cancelling_takes_away_35_db_of_the_host_s_own_voice(block: int) -> None:
    """Also when the sound server hands on 50 ms at a time."""
    far = assistant()
    near = echoed(far)
    left = clean(near, far, echo=True, noise=False, block=block)
    after = slice(2 * RATE, len(left) - RATE)
    before = soxr.resample(near, CARD, RATE)[after]
    assert decibels(before) - decibels(left[after]) >= 35.0


def test_switched_off_it_takes_away_nothing() -> None:
    far = assistant()
    near = echoed(far)
    left = clean(near, far, echo=False, noise=False)
    after = slice(2 * RATE, len(left) - RATE)
    lost = decibels(soxr.resample(near, CARD, RATE)[after]) - decibels(left[after])
    assert abs(lost) <= 1.0


def test_a_gap_that_is_filled_with_silence_costs_the_echo_canceller_nothing() -> None:
    far = assistant()
    near = echoed(far).copy()
    near[4 * CARD : 4 * CARD + CARD // 10] = 0.0
    left = clean(near, far, echo=True, noise=False)
    after = slice(5 * RATE, len(left) - RATE)
    before = soxr.resample(near, CARD, RATE)[after]
    assert decibels(before) - decibels(left[after]) >= 35.0


def test_noise_suppression_takes_away_12_db_in_pauses_and_less_than_1_of_speech() -> None:
    words = say("what is the weather like today")
    spoken = np.concatenate((silence(3.0), words, silence(2.0), words, silence(2.0)))
    noisy = spoken + pink(len(spoken) / CARD + 1, -43.0)[: len(spoken)]
    nothing = np.zeros_like(noisy)
    with_it = clean(noisy, nothing, echo=False, noise=True)
    without = clean(noisy, nothing, echo=False, noise=False)
    pause = slice(2 * RATE, 3 * RATE)
    assert decibels(without[pause]) - decibels(with_it[pause]) >= 12.0
    second = int((3.0 + 2.0 + len(words) / CARD) * RATE)
    speech = slice(second, second + int(len(words) / CARD * RATE))
    assert decibels(without[speech]) - decibels(with_it[speech]) <= 1.0


def test_two_clocks_that_drift_apart_are_brought_together_while_nothing_is_said() -> None:
    cleaning = Cleaning(CARD, echo=True, noise=False)
    for _ in range(4000):  # 40 s with 1 % too many samples for the speaker
        list(cleaning.clean(silence(0.01), silence(0.0101)))
    assert cleaning._far.frames <= 12


# -- voice activity


def probabilities(samples: Samples) -> Samples:
    activity, found = Activity(), []
    pcm = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    for at in range(0, len(pcm), 2 * FRAME):
        found += activity.feed(pcm[at : at + 2 * FRAME])
    return np.array(found, np.float32)


def test_voice_activity_tells_speech_from_pink_noise_at_5_db() -> None:
    """Precision and recall of at least 90 %, by pieces of 32 ms against the voice without the noise."""
    pieces, size = [], 512
    for number, voice in enumerate(("awb", "rms", "slt")):
        words = say("turn off the lights in the kitchen and tell me the news", voice, RATE)
        pieces += [silence(1.0 + 0.3 * number, RATE), words]
    clean_voice = np.concatenate((*pieces, silence(1.5, RATE)))
    noisy = clean_voice + pink(len(clean_voice) / RATE + 1, -28.0, rate=RATE)[: len(clean_voice)]
    heard = probabilities(noisy) > SPEECH
    loud = np.sqrt(np.mean(np.square(clean_voice[: len(heard) * size].reshape(-1, size)), axis=1))
    truth = loud > 10 ** (-45 / 20)
    near_speech = np.convolve(truth, np.ones(7), "same") > 0  # its hangover is a part of what it is for
    recall = (heard & truth).sum() / truth.sum()
    precision = (heard & near_speech).sum() / heard.sum()
    assert recall >= 0.9
    assert precision >= 0.9


def test_noise_alone_is_not_speech() -> None:
    assert np.mean(probabilities(pink(20.0, -30.0, rate=RATE)) > SPEECH) <= 0.01


# -- measuring


@pytest.mark.parametrize(("db", "expected"), [(-60.0, 0.0), (-24.0, 0.6), (0.0, 1.0), (-90.0, 0.0)])
def test_a_level_is_a_share_of_60_db(db: float, expected: float) -> None:
    assert as_level(db) == pytest.approx(expected)


def test_a_word_in_a_second_of_silence_counts_and_a_click_does_not() -> None:
    word = np.concatenate((silence(0.6), tone(0.3, -24.0), silence(0.1)))
    assert loudness(word, CARD).level == pytest.approx(0.6, abs=0.01)
    click = np.concatenate((silence(0.5), tone(0.01, -3.0), silence(0.49)))
    assert loudness(click, CARD).level == 0.0
    assert loudness(np.ones(CARD, np.float32), CARD).clipped


def test_the_sweep_is_found_40_db_down_in_the_noise_of_a_room_and_not_where_it_is_not() -> None:
    room = pink(1.2, -50.0)
    recorded = room.copy()
    recorded[4800 : 4800 + len(sweep(CARD))] += 0.01 * sweep(CARD)
    found = find_sweep(recorded, CARD)
    assert found.heard
    assert found.delay_ms == pytest.approx(100.0, abs=1.0)
    assert found.coupling_db == pytest.approx(-40.0, abs=1.0)
    assert not find_sweep(room, CARD).heard
    assert not find_sweep(silence(1.2), CARD).heard
