"""The whole host at a virtual sound card: spoken to, interrupted, unplugged, frozen, killed.

Real PortAudio, real engines, real processes. The person is a voice of flite, the assistant eSpeak NG.
"""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest
import soxr
from pocketsphinx import Decoder

from clawft.drivers.audio.cleaning import as_pcm
from clawft.messages.monitor import GetHealth
from clawft.messages.voice import (
    MakeSpeech,
    PushToTalk,
    PutVoiceSettings,
    Say,
    SetTalkMode,
    TestMic,
    TestSpeaker,
)
from tests.audio.card import VirtualCard
from tests.audio.people import RATE, say, silence, word_errors
from tests.audio.talker import ANSWER, SOON, Talker

OTHERS = ("The window is closed.", "The light is on.", "It is late.", "Nobody is here.")


@pytest.fixture
async def talker(tmp_path: Path, virtual_card: VirtualCard | None) -> AsyncIterator[Talker]:
    if virtual_card is None:
        pytest.skip("needs PulseAudio for the virtual sound card")
    talker = Talker(tmp_path / "data", virtual_card)
    try:
        yield talker
    finally:
        await talker.stop()


def microphone_is_open() -> bool:
    """Whether PulseAudio knows anybody who records from it."""

    def listed(what: str) -> list[list[str]]:
        command = ["pactl", "list", "short", what]
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return [line.split("\t") for line in found.stdout.splitlines()]

    (number,) = (row[0] for row in listed("sources") if row[1] == "mic")
    return any(row[1] == number for row in listed("source-outputs"))


def sentence_in(sound: Any) -> str:
    """Which of these was said. Freely, pocketsphinx gets 61 % of eSpeak NG's words wrong."""
    choices = " | ".join(each.lower().rstrip(".") for each in (ANSWER, *OTHERS))
    decoder = Decoder(samprate=16_000, loglevel="FATAL", lm=None)
    decoder.add_jsgf_string("answer", f"#JSGF V1.0; grammar g; public <s> = {choices};")
    decoder.activate_search("answer")
    decoder.start_utt()
    decoder.process_raw(as_pcm(soxr.resample(sound, RATE, 16_000)), False, True)
    decoder.end_utt()
    found = decoder.hyp()
    return str(found.hypstr) if found else ""


async def test_it_wakes_answers_aloud_and_is_interrupted(talker: Talker) -> None:
    await talker.start(wake_word_enabled=True)

    # "Hey jarvis, ..." and its answer, transcribed back from what the speaker played.
    began = time.monotonic()
    over = await talker.says(say("hey jarvis"), silence(0.5), say("what is the weather like today"))
    await talker.until(lambda: bool(talker.of("wake", phrase="hey jarvis", taken=True)))
    await talker.until(lambda: bool(talker.of("transcript", final=True)))
    understood = talker.of("transcript", final=True)[0].data["text"]
    assert word_errors("what is the weather like today", understood) <= 0.7
    spoken = await talker.state("speaking")
    assert spoken.at - over < 3.0
    idle = await talker.state("idle", spoken.at)
    heard = np.concatenate([x for at, x in talker.ears.pieces() if spoken.at - 0.2 < at < idle.at + 0.5])
    assert sentence_in(heard) == "the door is open"
    asked, answered = await talker.messages()
    assert asked == ("user", understood)
    assert answered[1].strip() == ANSWER
    states = [news.data["state"] for news in talker.of("state", began)]
    assert states == ["listening", "processing", "speaking", "idle"]

    # A story, interrupted after its first sentence.
    await talker.ask("voice", SetTalkMode(True))
    since = time.monotonic()
    await talker.says(say("tell me a short story"))
    await talker.state("speaking", since)
    await asyncio.sleep(2.5)
    assert (
        talker.of("barge_in") == []
    )  # not by its own voice, which the microphone hears as loud as a person's
    first_syllable = time.monotonic() + 0.1
    interrupting = asyncio.create_task(talker.says(say("what time is the next meeting")))
    await talker.until(lambda: bool(talker.of("barge_in", false_alarm=False)))
    barged = talker.of("barge_in")[0].at
    assert barged - first_syllable < 1.0
    await interrupting
    assert [at for at in talker.ears.loud(barged + 0.3) if at < barged + 0.8] == []
    again = await talker.state("speaking", barged)
    kept = [text for role, text in await talker.messages() if role == "assistant"]
    assert kept[1].startswith("Once upon a time")
    assert "[interrupted here; not heard:" in kept[1]
    assert "what had happened." in kept[1]

    # Its words so far are no message of anybody; "stop" ends it.
    await asyncio.sleep(0.3)
    await talker.state("listening", again.at)
    await talker.ask("voice", SetTalkMode(False))
    assert (await talker.status()).state == "idle"
    assert talker.of("error") == []


async def test_the_microphone_is_unplugged_in_mid_sentence_and_plugged_in_again(talker: Talker) -> None:
    await talker.start(wake_word_enabled=True)
    await talker.ask("voice", SetTalkMode(True))
    since = time.monotonic()
    await talker.says(say("tell me a short story"))
    await talker.state("speaking", since)
    for what in ("mic", "all"):
        unplugged = time.monotonic()
        await asyncio.to_thread(talker.card.do, "unplug", what)
        await talker.until(lambda: bool(talker.of("device", unplugged, available=False)), 5.0)  # noqa: B023
        lost = talker.of("device", unplugged, available=False)[0]
        assert lost.at - unplugged < 2.5  # 1.5, and the time it takes to take it away
        assert lost.data["reason"]
        assert (await talker.status()).state == "idle"
        assert (await talker.ask("monitor", GetHealth())).status in ("healthy", "ok", "degraded")
        assert not (await talker.ask("voice", TestMic())).success
        plugging = time.monotonic()
        await asyncio.to_thread(talker.card.do, "plug")
        plugged = time.monotonic()
        await talker.until(lambda: bool(talker.of("device", plugging, available=True)), 6.0)  # noqa: B023
        assert talker.of("device", plugging, available=True)[-1].at - plugged < 3.0
    assert (await talker.status()).state == "listening"  # it is still in talk mode
    since = time.monotonic()
    await asyncio.sleep(1.0)
    await talker.says(say("what is the weather like today"))
    await talker.state("speaking", since)


async def test_a_child_that_is_killed_or_frozen_is_started_again(talker: Talker) -> None:
    await talker.start(wake_word_enabled=True)
    for name, how in (
        ("io_child", signal.SIGKILL),
        ("speech_child", signal.SIGKILL),
        ("io_child", signal.SIGSTOP),
    ):
        (child,) = talker.children(name)
        before = time.monotonic()
        os.kill(child.pid, how)
        await talker.until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 6.0)  # noqa: B023
        if name == "io_child":
            await talker.until(lambda: bool(talker.of("device", before, available=False)))  # noqa: B023
            await talker.until(lambda: bool(talker.of("device", before, available=True)))  # noqa: B023
        else:
            await talker.until(lambda: bool(talker.of("error", before)))  # noqa: B023
            await talker.until(lambda: len(talker.children("speech_child")) == 1)
    status = await talker.status()
    assert status.device.restarts == 3
    # A sound server that is frozen hangs whoever closes a stream; the process goes instead.
    frozen = time.monotonic()
    talker.card.freeze()
    try:
        await talker.until(lambda: bool(talker.of("device", frozen, available=False)), 5.0)
        assert (await talker.ask("monitor", GetHealth())) is not None
    finally:
        talker.card.thaw()
    await talker.until(lambda: bool(talker.of("device", frozen, available=True)))
    since = time.monotonic()
    await asyncio.sleep(1.0)
    await talker.says(say("hey jarvis"), silence(0.5), say("what is the weather like today"))
    await talker.state("speaking", since)


async def test_each_setting_makes_a_difference_at_once(talker: Talker) -> None:
    await talker.start(wake_word_enabled=True, cues=False)

    # wakeWordEnabled: off, nobody is waited for.
    await talker.ask("voice", PutVoiceSettings(wake_word_enabled=False))
    await talker.says(say("hey jarvis"), silence(1.0))
    assert talker.of("wake") == []

    # pushToTalk: only the button counts, and its words are taken.
    await talker.ask("voice", PutVoiceSettings(push_to_talk=True, wake_word_enabled=True))
    await talker.says(say("hey jarvis"), silence(1.0))
    assert talker.of("wake") == []
    await talker.ask("voice", PushToTalk(True))
    await talker.says(say("what is the weather like today"))
    await talker.ask("voice", PushToTalk(False))
    await talker.state("speaking")
    await talker.state("idle", talker.of("state", state="speaking")[0].at)
    asked = (await talker.messages())[0][1]
    assert word_errors("what is the weather like today", asked) <= 0.7

    # echoCancel: off, the microphone is not listened to while it speaks, so it cannot interrupt itself.
    await talker.ask(
        "voice", PutVoiceSettings(push_to_talk=False, wake_word_enabled=False, echo_cancel=False)
    )
    since = time.monotonic()
    await talker.ask("voice", Say("This sentence is as loud at the microphone as a person's would be."))
    assert talker.of("barge_in") == []
    assert talker.ears.loud(since)

    # The tests work on the open streams.
    played = await talker.ask("voice", TestSpeaker())
    assert played.success
    assert played.heard is True
    listened = await talker.ask("voice", TestMic())
    assert listened.success, listened.error

    # language: one without an embedded engine says so when it is chosen.
    saved = await talker.ask("voice", PutVoiceSettings(language="ja"))
    assert len(saved.notes) == 2
    assert "understands only en" in saved.notes[0]

    # enabled: off, the microphone is free at once.
    assert microphone_is_open()
    began = time.monotonic()
    await talker.ask("voice", PutVoiceSettings(enabled=False))
    assert time.monotonic() - began < 0.3
    assert not await asyncio.to_thread(microphone_is_open)
    await talker.until(lambda: not talker.children("io_child") and not talker.children("speech_child"))

    # A recording is made all the same; its process comes for it.
    made = await talker.ask("voice", MakeSpeech("The door is open.", "en"))
    assert made.rate > 8_000
    assert len(made.pcm) > made.rate


async def test_the_settings_are_kept_and_voice_is_on_again_after_a_restart(
    tmp_path: Path, virtual_card: VirtualCard | None
) -> None:
    if virtual_card is None:
        pytest.skip("needs PulseAudio for the virtual sound card")
    first = Talker(tmp_path / "data", virtual_card)
    await first.start()
    await first.stop()
    assert first.children("io_child") == []
    second = Talker(tmp_path / "data", virtual_card)
    await second.app.start()
    try:
        async with asyncio.timeout(SOON):
            while (await second.status()).device is msgspec.UNSET:
                await asyncio.sleep(0.05)
    finally:
        assert await second.app.stop() == ()
    assert second.children("io_child") == []
