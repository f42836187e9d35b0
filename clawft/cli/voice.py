"""`clawft voice`: what is spoken to a host, and how it hears its name."""

import os
from pathlib import Path
from typing import Any

import click
import msgspec

from clawft.cli.command import asks_host
from clawft.cli.show import Show, printable
from clawft.client import Client
from clawft.errors import ClawftError, UsageError
from clawft.folders import data_folder
from clawft.messages.voice import (
    GetVoiceStatus,
    ListSoundDevices,
    PutVoiceSettings,
    Say,
    SetTalkMode,
    TestMic,
    TestSpeaker,
)


@click.group()
def voice() -> None:
    """Talk to a host, see what it hears, try its microphone and speaker, train wake phrases."""


NEWS = tuple(f"voice:{name}" for name in ("state", "transcript", "wake", "barge_in", "device", "error"))
WIDTH = 40
"""Characters of the bar of the level."""


@voice.command("watch")
@asks_host
async def watch(host: Client, show: Show) -> None:
    """Show level, state and transcripts live, until interrupted."""
    from rich.console import Console
    from rich.live import Live

    state, level = str((await host.ask(GetVoiceStatus())).state), 0.0
    console = Console()
    with Live(console=console, refresh_per_second=10) as live:
        async with host.frames("voice:level", *NEWS) as frames:
            live.update(_line(state, level))
            async for frame in frames:
                data = frame.get("data") or {}
                if frame.get("topic") == "voice:level":
                    level = data["level"]
                elif frame.get("topic") in NEWS:
                    state = data.get("state", state)
                    live.console.print(printable(_told(frame["topic"], data)), markup=False, highlight=False)
                live.update(_line(state, level))


def _line(state: str, level: float) -> str:
    return f"{state:<10} {'█' * round(level * WIDTH):<{WIDTH}} {level:.2f}"


def _told(topic: str, data: dict[str, Any]) -> str:
    """One line of what happened."""
    match topic.removeprefix("voice:"):
        case "transcript":
            more = "" if data["final"] else " …"
            return f"  heard: {data['text']}{more}" + ("" if data["taken"] else "   (said aside)")
        case "wake":
            return f"  woken by {data['phrase']}" + ("" if data["taken"] else "   (busy)")
        case "barge_in":
            what = "a false alarm, it goes on" if data["false_alarm"] else "interrupted"
            return f"  {what} after {data['played']:.1f} s"
        case "device":
            return "  the device is there" if data["available"] else f"  no device: {data.get('reason', '')}"
        case "error":
            return f"  error: {data['message']}"
        case _:
            return f"{data['state']}"


@voice.command("status")
@asks_host
async def status(host: Client, show: Show) -> None:
    """Show the device, its settings and its engines."""
    show.json(await host.ask(GetVoiceStatus()))


@voice.command("talk")
@click.argument("active", type=click.Choice(["on", "off"]))
@asks_host
async def talk(host: Client, show: Show, active: str) -> None:
    """Switch talk mode on or off: in it the host listens without a wake word."""
    show.done(await host.ask(SetTalkMode(active == "on")), f"talk mode is {active}")


@voice.command("say")
@click.argument("text")
@asks_host
async def say(host: Client, show: Show, text: str) -> None:
    """Have TEXT said aloud; returns when it was."""
    show.done(await host.ask(Say(text)), "it was said")


@voice.command("set")
@click.argument("settings", nargs=-1, required=True)
@asks_host
async def set_(host: Client, show: Show, settings: tuple[str, ...]) -> None:
    """Change SETTINGS, like enabled=true wakeWordEnabled=true microphone=Jabra."""
    given = dict(_setting(each) for each in settings)
    try:
        wanted = msgspec.convert({**given, "type": "PutVoiceSettings"}, PutVoiceSettings)
    except msgspec.ValidationError as error:
        raise UsageError(str(error)) from error
    done = await host.ask(wanted)
    for note in done.notes or ():
        click.echo(note, err=True)
    show.done(done, "set")


def _setting(text: str) -> tuple[str, str | bool]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is no setting; name=value is")
    return name, {"true": True, "false": False}.get(value, value)


@voice.command("devices")
@asks_host
async def devices(host: Client, show: Show) -> None:
    """List the devices that could be chosen."""
    show.json(await host.ask(ListSoundDevices()))


@voice.command("test")
@asks_host
async def test(host: Client, show: Show) -> None:
    """Try the microphone, then the speaker. Fails when one of them does not work."""
    heard, played = await host.ask(TestMic()), await host.ask(TestSpeaker())
    show.json({"microphone": heard, "speaker": played})
    if not (heard.success and played.success):
        raise ClawftError("the sound card does not work: see above")


@voice.command("train")
@click.argument("phrase")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Else CLAWFT_HOME, else the state folder.",
)
@click.option("--quick", is_flag=True, help="In a minute, to see that it works; the phrase is hardly heard.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def train(phrase: str, data_dir: Path | None, quick: bool, as_json: bool) -> None:
    """Train a wake phrase, offline, from synthesised voices. It takes about ten minutes.

    Two or three words of three syllables or more, which nobody says by chance, are heard best. Ctrl-C ends it
    and leaves a phrase of the same name as it was.
    """
    from clawft.drivers.audio import training
    from clawft.drivers.audio.engines import EngineFailed
    from clawft.drivers.audio.phrases import FOLDER

    os.nice(10)  # a host on the same machine goes first
    try:
        with Bar() as bar:
            report = training.train(phrase, data_folder(data_dir) / FOLDER, progress=bar.show, quick=quick)
    except EngineFailed as error:
        raise UsageError(str(error)) from error
    Show(as_json).card(report)


class Bar:
    """A bar on standard error, as long as it is shown."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._progress = Progress(console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("", total=1.0)

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, what: str, share: float) -> None:
        self._progress.update(self._task, description=what, completed=share)
