"""`clawft voice`: what is spoken to a host, and how it hears its name."""

import os
from pathlib import Path

import click

from clawft.cli.show import Show
from clawft.errors import UsageError
from clawft.folders import data_folder


@click.group()
def voice() -> None:
    """What is spoken to a host: wake phrases."""


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
