"""The command line: `clawft`. A command is imported when it is used, so none pays for another."""

import importlib
import os
import sys
from collections.abc import Sequence

import click

from clawft import __version__
from clawft.cli.exits import FAILED, INTERRUPTED, exit_code
from clawft.errors import ClawftError

COMMANDS = {
    "serve": ("serve", "Run the host."),
    "chat": ("chat", "Talk to an agent in the terminal."),
    "agents": ("agents", "List, show, start and stop agents."),
    "sessions": ("sessions", "List, show, export, delete sessions; send a message."),
    "memory": ("memory", "List, search, add and remove what is remembered."),
    "skills": ("skills", "List, find, install and remove skills."),
    "cron": ("cron", "List, preview, add, show, run and remove jobs; what became of their runs."),
    "outbox": ("outbox", "List what is to be delivered; send again what failed."),
    "token": ("token", "Create, list and revoke tokens."),
    "config": ("config", "Show and replace the configuration."),
    "approvals": ("approvals", "Show calls that wait for a person; approve or deny them."),
    "budgets": ("budgets", "Show what may be spent and was; let a paused one go on."),
    "secret": ("secret", "Set, list and remove the keys of model providers."),
    "providers": ("providers", "Show the providers of models and how they stand."),
    "actors": ("actors", "Show every actor, live."),
    "dead-letters": ("actors", "Show the messages that no one handled."),
    "watch": ("watch", "Print events as they happen."),
    "mcp": ("mcp", "Offer a host's tools and agents over standard input and output; show servers."),
    "voice": ("voice", "Train wake phrases."),
    "audit": ("audit", "Show who did what; check that nothing was changed since."),
    "backup": ("backup", "Copy all of a host's data into one file, while it runs."),
    "restore": ("backup", "Bring back what a backup holds."),
    "service": ("service", "Install, show and remove the systemd unit."),
    "doctor": ("doctor", "Say what works here, what is missing and how to get it."),
}
"""Name: the module in this package, and what the command does in one line."""


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"clawft.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="clawft")
def clawft() -> None:
    """A self-hosted agent host in which everything that lives is an actor.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 69 no host answers, 77 not allowed, 78 wrong configuration.
    """


def main(args: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code; errors are one line on standard error."""
    try:
        result = clawft.main(args, prog_name="clawft", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough; Python would complain about the same at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except ClawftError as error:
        click.echo(f"clawft: {error}", err=True)
        return exit_code(error)
