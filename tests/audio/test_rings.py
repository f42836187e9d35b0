"""Rings between callback and thread, and gaps that the clock finds."""

import numpy as np
import pytest

from clawft.drivers.audio.gaps import Gaps
from clawft.drivers.audio.rings import PlayRing, Ring, Samples

RATE = 48_000
BLOCK = 480


def ramp(count: int, start: int = 0) -> Samples:
    return np.arange(start, start + count, dtype=np.float32)


def test_what_goes_in_comes_out_in_order_around_the_end() -> None:
    ring = Ring(1000)
    for start in range(0, 5000, 300):
        ring.put(ramp(300, start))
        assert np.array_equal(ring.take(), ramp(300, start))
    assert ring.dropped == 0


def test_what_nobody_fetches_is_overwritten_and_counted() -> None:
    ring = Ring(1000)
    ring.put(ramp(800))
    ring.put(ramp(800, 800))
    assert np.array_equal(ring.take(), ramp(1000, 600))
    assert ring.dropped == 600


def block(ring: PlayRing) -> Samples:
    out = np.full(BLOCK, 9.0, np.float32)
    ring.fill(out)
    return out


def test_silence_is_played_where_there_is_nothing() -> None:
    ring = PlayRing(RATE, RATE)
    ring.put(np.ones(100, np.float32))
    out = block(ring)
    assert np.array_equal(out[:100], np.ones(100))
    assert not out[100:].any()


def test_hush_fades_within_5_ms_and_keeps_the_rest_for_resume() -> None:
    ring = PlayRing(RATE, RATE)
    ring.put(np.ones(2400, np.float32))
    block(ring)
    ring.hush()
    out = block(ring)
    assert out[0] == 1.0
    assert not out[RATE * 5 // 1000 :].any()
    assert np.all(np.diff(out) <= 0)
    assert not block(ring).any()
    left = ring.waiting
    assert left == 2400 - BLOCK - 240
    ring.resume()
    back = block(ring)
    assert back[0] == 0.0
    assert back[-1] == 1.0
    assert ring.waiting == left - BLOCK


def test_what_is_forgotten_is_not_played_and_what_comes_later_is() -> None:
    ring = PlayRing(RATE, RATE)
    ring.put(np.ones(2400, np.float32))
    block(ring)
    ring.forget()
    ring.put(np.full(BLOCK, 0.5, np.float32))
    block(ring)  # fades
    block(ring)  # lets go
    assert np.array_equal(block(ring), np.full(BLOCK, 0.5))
    assert ring.waiting == 0


def clock(gaps: Gaps, blocks: list[float], rate: float = RATE) -> int:
    """Feed it: for each block, how late it came. The answer: how many samples were put in."""
    filled = count = 0
    for number, late in enumerate(blocks, start=1):
        count += BLOCK
        filled += gaps.missing(count, number * BLOCK / rate + late)
    return filled


def test_jitter_and_bursts_are_no_gap() -> None:
    late = [0.05 * (number % 5 == 0) + 0.01 * (number % 3) for number in range(1000)]
    assert clock(Gaps(RATE), late) == 0


@pytest.mark.parametrize("ppm", [-300, -20, 20, 300])
def test_a_clock_that_goes_wrong_is_no_gap(ppm: int) -> None:
    assert clock(Gaps(RATE), [0.0] * 30_000, RATE * (1 + ppm / 1e6)) == 0


@pytest.mark.parametrize("milliseconds", [20, 50, 100, 500])
def test_samples_that_never_came_are_replaced_by_as_many(milliseconds: int) -> None:
    late = [0.0] * 200 + [milliseconds / 1000] * 200
    assert clock(Gaps(RATE), late) == pytest.approx(RATE * milliseconds / 1000, abs=RATE * 0.003)


def test_a_gap_is_noticed_within_100_ms() -> None:
    gaps, filled = Gaps(RATE), []
    for number in range(1, 300):
        late = 0.1 if number > 200 else 0.0
        filled.append(gaps.missing(number * BLOCK, number * 0.01 + late))
    assert sum(map(bool, filled)) == 1
    assert next(number for number, each in enumerate(filled) if each) < 212
