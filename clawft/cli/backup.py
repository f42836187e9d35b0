"""`clawft backup` and `clawft restore`: all of a host's data in one file."""

from pathlib import Path

import click

from clawft import __version__
from clawft.drivers import archive
from clawft.errors import UsageError
from clawft.folders import data_folder
from clawft.store.database import FILE_NAME
from clawft.store.lock import FolderLock
from clawft.store.migrations import MIGRATIONS

folder = click.Path(file_okay=False, path_type=Path)
data_option = click.option("--data-dir", type=folder, help="Else CLAWFT_HOME, else the state folder.")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@data_option
@click.option(
    "--workspace/--no-workspace", default=True, show_default=True, help="With the files agents work on."
)
def backup(file: Path, data_dir: Path | None, workspace: bool) -> None:
    """Copy all of a host's data into FILE (.tar.gz), while it runs. It holds secrets: keep it like them."""
    size = archive.make(data_folder(data_dir), file.absolute(), workspace=workspace, version=__version__)
    click.echo(f"{file}: {size:,} bytes")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@data_option
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def restore(file: Path, data_dir: Path | None, yes: bool) -> None:
    """Bring back what FILE holds. A host that runs goes on as it is, and takes it at its next start.

    What was there before is kept, in `before-restore` of the data folder.
    """
    data = data_folder(data_dir)
    if (data / FILE_NAME).exists() and not yes:
        click.confirm(f"put what is in {data} aside, and {file} in its place?", abort=True)
    manifest = archive.unpack(file, data, newest=len(MIGRATIONS))
    made = f"the backup of {manifest['made'][:19]} (UTC)"
    try:
        lock = FolderLock(data)
    except UsageError:
        click.echo(f"{made} lies ready; the host that runs takes it when it is started again")
        return
    try:
        aside = archive.take_pending(data)
    finally:
        lock.release()
    click.echo(f"{made} is in place; what was there is in {aside}")
