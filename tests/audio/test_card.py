"""The sound card: a real PortAudio where there is one, and every way in which there is none."""

import asyncio
import sys
import time

import psutil
import pytest

from clawft.domain.values import UNSET
from clawft.drivers.audio import card as cards
from clawft.drivers.audio.card import SoundCard
from clawft.drivers.audio.probe import TONE_PEAK, tone
from tests.audio.conftest import VirtualCard


def processes_left_by_us() -> list[list[str]]:
    """Command lines of our own probes that still run; another host on this machine may have some too."""
    children = (child.cmdline() for child in psutil.Process().children())
    return [line for line in children if any("clawft.drivers.audio.probe" in word for word in line)]


def test_the_tone_begins_and_ends_softly() -> None:
    samples = tone(48_000)
    assert len(samples) == 24_000
    assert max(samples) == pytest.approx(TONE_PEAK, abs=1e-3)
    assert abs(samples[0]) < 1e-6
    assert abs(samples[-1]) < 1e-3


async def test_a_card_that_works_is_heard_and_played_on(virtual_card: VirtualCard | None) -> None:
    found = await SoundCard().check()
    if virtual_card is None:
        assert not found.available
        return
    assert found.available
    assert found.reason is UNSET
    played = await SoundCard().test_speaker()
    assert played.success


async def test_a_microphone_with_a_sound_in_front_of_it_says_how_loud_it_is(
    virtual_card: VirtualCard | None,
) -> None:
    if virtual_card is None:
        heard = await SoundCard().test_mic()
        assert not heard.success
        return
    listening = asyncio.create_task(SoundCard().test_mic())
    while not listening.done():  # the virtual microphone hears the virtual speaker
        await SoundCard().test_speaker()
    heard = await listening
    assert heard.success, heard.error
    assert heard.level == pytest.approx(
        TONE_PEAK,
        abs=0.05,  # two sound servers' resamplers overshoot a little
    )


async def test_a_silent_microphone_is_no_success(virtual_card: VirtualCard | None) -> None:
    heard = await SoundCard().test_mic()
    assert not heard.success
    if virtual_card is not None:
        assert "silence" in str(heard.error)


@pytest.mark.usefixtures("no_card")
async def test_no_card_is_said_within_three_seconds_and_with_what_to_do() -> None:
    began = time.monotonic()
    found, heard, played = (
        await SoundCard().check(),
        await SoundCard().test_mic(),
        await SoundCard().test_speaker(),
    )
    assert time.monotonic() - began < 9
    assert not found.available
    assert found.reason
    assert found.hint
    assert (heard.success, heard.level, played.success) == (False, 0.0, False)
    assert heard.error
    assert played.error


async def test_a_frozen_sound_server_costs_three_seconds_and_leaves_no_process(
    virtual_card: VirtualCard | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "LIMIT", 1.0)
    if virtual_card is not None:
        virtual_card.freeze()
    began = time.monotonic()
    found = await SoundCard().check()
    assert time.monotonic() - began < 3
    assert not found.available
    assert processes_left_by_us() == []


async def test_a_crash_of_portaudio_is_the_child_s_and_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "PROBE", ("/bin/sh", "-c", "kill -ABRT $$"))
    found = await SoundCard().check()
    assert "SIGABRT" in str(found.reason)
    assert "ALSA" in str(found.hint)


async def test_a_child_that_says_nothing_is_a_failure_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "PROBE", ("/bin/true",))
    assert not (await SoundCard().check()).available


async def test_a_look_that_nobody_waits_for_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        cards, "PROBE", (sys.executable, "-c", "import time; time.sleep(60)  # clawft.drivers.audio.probe")
    )
    looking = asyncio.create_task(SoundCard().check())
    while not processes_left_by_us():
        await asyncio.sleep(0)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert processes_left_by_us() == []
