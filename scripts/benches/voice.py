"""The voice loop on a virtual sound card: how late the answer is heard, what is lost, what it costs.

Real PortAudio, real engines; the person is a voice of flite, the model answers at once. Each figure is told
beside its reach. Both ends are heard the same way, by recorders at the room and at the speaker.
"""

import argparse
import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from clawft.domain.turn_taking import Rules
from clawft.messages.monitor import GetHealth
from clawft.messages.voice import InterruptVoice, PutVoiceSettings, Say, SetTalkMode
from tests.audio.card import VirtualCard, virtual_card
from tests.audio.people import Listener, say, silence
from tests.audio.talker import STORY, Talker

QUESTION = "what is the weather like today"
SILENCE = Rules().silence
PLAYER = 0.06
"""Seconds from the start of a player to its first sample in the room, about."""
SPEECH = 0.02
"""Above this a sample of the room is somebody speaking: -34 dBFS, 26 dB above the floor."""


def main(args: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench voice", description=__doc__)
    parser.add_argument("--turns", type=int, default=12, help="how many questions are asked")
    parser.add_argument("--interruptions", type=int, default=8)
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="of speech under load; 60 for the full form"
    )
    parser.add_argument(
        "--scripted", type=int, default=0, help="turns in a row, for memory; 200 in the full form"
    )
    options = parser.parse_args(args)
    with virtual_card() as card:
        if card is None:
            print("the virtual sound card needs pulseaudio and pactl", file=sys.stderr)
            return 2
        return asyncio.run(_run(card, options))


async def _run(card: VirtualCard, options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        talker = Talker(Path(folder) / "data", card)
        try:
            await talker.start(wake_word_enabled=True, cues=False)
            fine = await _waiting(talker)
            fine &= await _answers(talker, options.turns)
            fine &= await _interruptions(talker, options.interruptions)
            fine &= await _under_load(talker, options.seconds)
            if options.scripted:
                fine &= await _scripted(talker, options.scripted)
        finally:
            await talker.stop()
    return 0 if fine else 1


def _report(figure: str, value: float, unit: str, most: float | None = None, **more: Any) -> bool:
    fine = most is None or value <= most
    line = {"figure": figure, "value": round(value, 3), "unit": unit, **more}
    print(json.dumps(line if most is None else {**line, "reach": f"<= {most:g}", "ok": fine}), flush=True)
    return fine


async def _waiting(talker: Talker) -> bool:
    """What it costs to wait for the wake word."""
    before, began = (await talker.status()).device.cpu_seconds, time.monotonic()
    await asyncio.sleep(10.0)
    after = (await talker.status()).device.cpu_seconds
    share = 100 * (after - before) / (time.monotonic() - began)
    return _report("voice-io waiting for the wake word", share, "% of a core", 3.0)


async def _answers(talker: Talker, turns: int) -> bool:
    """From the last sound of a question at the microphone to the first of its answer at the speaker."""
    stages: dict[str, list[float]] = {"wake": [], "end": [], "words": [], "sound": [], "whole": []}
    device = (await talker.status()).device
    before, began = device.cpu_seconds, time.monotonic()
    with Listener("room.monitor") as microphone:
        for _ in range(turns):
            since = time.monotonic()
            await talker.says(say("hey jarvis"), silence(0.5), say(QUESTION))
            idle = await talker.state("idle", (await talker.state("speaking", since)).at)
            _measure(talker, microphone, since, idle.at, stages)
            await asyncio.sleep(1.0)
    share = 100 * ((await talker.status()).device.cpu_seconds - before) / (time.monotonic() - began)
    names = {
        "wake": "the wake word's end to its detection",
        "end": "speech's end to the end-point",
        "words": "end-point to the words",
        "sound": "words to the first sound at the speaker",
    }
    for key, name in names.items():
        _report(name, 1000 * statistics.median(stages[key]), "ms", worst=round(1000 * max(stages[key])))
    whole = 1000 * statistics.median(stages["whole"])
    most = 1000 * SILENCE + 300
    fine = _report(
        "speech's end to the first sound at the speaker",
        whole,
        "ms",
        most,
        worst=round(1000 * max(stages["whole"])),
        turns=turns,
        ratio=round(whole / (1000 * SILENCE), 3),
        against="the silence that ends an utterance",
    )
    return fine & _report("voice-io in conversation", share, "% of a core", 20.0)


def _measure(
    talker: Talker, microphone: Listener, since: float, until: float, stages: dict[str, list[float]]
) -> None:
    speaking = talker.of("state", since, state="speaking")[0].at
    processing = talker.of("state", since, state="processing")[0].at
    words = talker.of("transcript", since, final=True)[0].at
    spoken = [at for at in microphone.loud(since, SPEECH) if at < speaking - 0.3]
    ended = max(spoken)
    first = min(talker.ears.loud(processing))
    pauses = [(later, sooner) for sooner, later in itertools.pairwise(spoken) if later - sooner > 0.3]
    phrase_ended = pauses[0][1] if pauses else ended
    stages["wake"].append(talker.of("wake", since)[0].at - phrase_ended)
    stages["end"].append(processing - ended)
    stages["words"].append(words - processing)
    stages["sound"].append(first - words)
    stages["whole"].append(first - ended)


async def _interruptions(talker: Talker, count: int) -> bool:
    """A story is interrupted again and again, and then told to its end: its own voice interrupts it never."""
    await talker.ask("voice", PutVoiceSettings(wake_word_enabled=False))
    found, silent = [], []
    own = 0.0
    for number in range(count):
        began = time.monotonic()
        telling = asyncio.ensure_future(_say(talker))
        await talker.state("speaking", began)
        await asyncio.sleep(2.0 + 0.3 * number)
        before = time.monotonic()
        own += before - began
        await talker.says(say("what time is the next meeting"))
        await asyncio.sleep(1.0)
        barges = [news.at for news in talker.of("barge_in", before, false_alarm=False)]
        syllable = before + PLAYER
        if barges:
            found.append(barges[0] - syllable)
            silent.append(max(at for at in talker.ears.loud(before) if at < barges[0] + 0.3) - syllable)
        await talker.ask("voice", InterruptVoice())
        telling.cancel()
        await asyncio.sleep(1.0)
    since = time.monotonic()
    for _ in range(3):
        await talker.ask("voice", Say(STORY))
    own += time.monotonic() - since
    false = len(talker.of("barge_in", since))
    caught = 100 * len(found) / max(count, 1)
    _report("interruptions that were noticed", caught, "%", of=count)
    fine = caught >= 95.0
    if found:
        _report(
            "first syllable to the decision",
            1000 * statistics.median(found),
            "ms",
            worst=round(1000 * max(found)),
        )
        fine &= _report(
            "first syllable to silence",
            1000 * statistics.median(silent),
            "ms",
            600.0,
            worst=round(1000 * max(silent)),
        )
    return fine & _report("interruptions by its own voice", false, f"in {own:.0f} s of speech", 0)


async def _say(talker: Talker) -> None:
    await talker.ask("voice", Say(STORY))


async def _under_load(talker: Talker, seconds: float) -> bool:
    """Speech beside four busy processes and a busy host: is anything lost?"""
    before = (await talker.status()).device
    with _burning(4):
        until = time.monotonic() + seconds
        busy = asyncio.ensure_future(_ask_all_the_time(talker, until))
        while time.monotonic() < until:
            await talker.ask("voice", Say(STORY))
        asked = await busy
    after = (await talker.status()).device
    glitches = after.overruns - before.overruns
    lost = after.dropped_ms - before.dropped_ms
    filled = after.filled_ms - before.filled_ms
    name = f"glitches in {seconds:.0f} s beside 4 busy processes and a busy host"
    return _report(name, glitches, "", 0, dropped_ms=lost, filled_ms=filled, questions=asked)


async def _ask_all_the_time(talker: Talker, until: float) -> int:
    count = 0
    while time.monotonic() < until:
        await talker.ask("monitor", GetHealth())
        count += 1
        if count % 20 == 0:
            await asyncio.sleep(0)
    return count


@contextmanager
def _burning(count: int) -> Iterator[None]:
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


async def _scripted(talker: Talker, turns: int) -> bool:
    """Turn after turn in talk mode: nothing is stuck, and memory stays."""
    await talker.ask("voice", PutVoiceSettings(wake_word_enabled=False))
    await talker.ask("voice", SetTalkMode(True))
    sizes: list[float] = []
    for number in range(turns):
        since = time.monotonic()
        await talker.says(say(QUESTION))
        spoken = await talker.state("speaking", since)
        await talker.state("listening", spoken.at)
        if number % 10 == 9:
            sizes.append(_memory())
        await asyncio.sleep(0.3)
    await talker.ask("voice", SetTalkMode(False))
    half = len(sizes) // 2
    grown = statistics.mean(sizes[half:]) - statistics.mean(sizes[:half]) if half else 0.0
    _report(f"memory of host and children after {turns} turns", sizes[-1] if sizes else 0.0, "MiB")
    return _report("memory of the second half over the first", grown, "MiB", 10.0, turns=turns)


def _memory() -> float:
    own = psutil.Process(os.getpid())
    return float(np.sum([each.memory_info().rss for each in (own, *own.children())])) / 2**20
