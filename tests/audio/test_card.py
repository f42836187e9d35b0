"""The sound card: a real PortAudio where there is one, and every way in which there is none."""

import asyncio
import sys
import time

import psutil
import pytest

from clawft.domain.values import UNSET
from clawft.drivers.audio import card as cards
from clawft.drivers.audio.card import SoundCard
from tests.audio.card import VirtualCard
from tests.audio.people import Room, tone


def processes_left_by_us() -> list[list[str]]:
    """Command lines of our own probes that still run; another host on this machine may have some too."""
    children = (child.cmdline() for child in psutil.Process().children())
    return [line for line in children if any("clawft.drivers.audio.probe" in word for word in line)]


async def test_a_card_that_works_is_heard_and_played_on(virtual_card: VirtualCard | None) -> None:
    found = await SoundCard().check()
    if virtual_card is None:
        assert not found.available
        return
    assert found.available
    assert found.reason is UNSET
    played = await SoundCard().test_speaker()
    assert played.success
    assert played.heard is True
    assert played.coupling_db == pytest.approx(0.0, abs=1.0)
    assert 10.0 < float(played.delay_ms or 0) < 400.0
    assert [device.name for device in await SoundCard().devices()] == ["default"]


@pytest.mark.parametrize(("gain", "heard"), [("0.1", True), ("off", False)])
async def test_the_speaker_s_test_says_how_loud_the_microphone_hears_it(
    virtual_card: VirtualCard | None, gain: str, heard: bool
) -> None:
    if virtual_card is None:
        pytest.skip("needs a sound card")
    virtual_card.do("echo", gain)
    with Room():
        played = await SoundCard().test_speaker()
    assert played.success
    assert played.heard is heard
    if heard:
        assert played.coupling_db == pytest.approx(-20.0, abs=1.0)


@pytest.mark.parametrize(("db", "expected"), [(-24.0, 0.60), (-48.0, 0.20)])
async def test_a_microphone_with_a_sound_in_front_of_it_says_how_loud_it_is(
    virtual_card: VirtualCard | None, db: float, expected: float
) -> None:
    """-60 dBFS is 0 and full scale is 1, so that the reference's example of 0.6 is -24 dBFS."""
    if virtual_card is None:
        heard = await SoundCard().test_mic()
        assert not heard.success
        return
    room = Room()
    playing = asyncio.create_task(asyncio.to_thread(room.play, tone(4.0, db)))
    await asyncio.sleep(0.5)
    heard = await SoundCard().test_mic()
    assert heard.success, heard.error
    assert heard.level == pytest.approx(expected, abs=0.03)
    assert heard.clipped is False
    assert heard.rate == 48_000
    await playing


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
