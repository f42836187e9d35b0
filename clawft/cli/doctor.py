"""`clawft doctor`: what works here, what is missing and how to get it."""

from pathlib import Path

import click

from clawft.cli.exits import CONFIGURATION, OK
from clawft.cli.show import Show
from clawft.doctor import Finding, Verdict, examine
from clawft.folders import data_folder

MARKS: dict[Verdict, tuple[str, str]] = {
    "ok": ("ok", "green"),
    "limited": ("--", "yellow"),
    "broken": ("!!", "red"),
}


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), help="Else CLAWFT_HOME, else the state folder.")
@click.option("--url", envvar="CLAWFT_URL", default="http://127.0.0.1:18789", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(data_dir: Path | None, url: str, as_json: bool) -> int:
    """Say what works here, what is missing and how to get it.

    Ends with 0 when a host can run here, be it without some extras; else with 78.
    """
    findings = []
    for finding in examine(data_folder(data_dir), url.rstrip("/")):
        findings.append(finding)
        if not as_json:
            print_finding(finding)
    if as_json:
        Show(True).json(findings)
    return CONFIGURATION if any(finding.verdict == "broken" for finding in findings) else OK


def print_finding(finding: Finding) -> None:
    mark, color = MARKS[finding.verdict]
    click.echo(f"{click.style(mark, fg=color)}  {finding.name:<12} {finding.detail}")
    if finding.hint:
        click.echo(f"    {'':<12} {finding.hint}")
