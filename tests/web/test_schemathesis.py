"""The whole host against requests that nobody thought of, made from its own description."""

import os
import re
import subprocess
import sys
from pathlib import Path

from clawft.web.routes import ROUTES
from tests.scenarios.process import serving

SWITCHED_OFF = 2
"""Operations that the settings leave out."""
SETTINGS = Path(__file__).with_name("schemathesis.toml")


def test_the_host_keeps_to_its_description(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as host:
        host.ok("GET", "/api/auth/verify")
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(SETTINGS), "run"]
        bounds = [
            "--max-examples",
            "5",
            # More would parse Python source at the same time, and 3.11 fails at that now and then:
            # "AST constructor recursion depth mismatch".
            "--workers",
            "1",
            "--phases",
            "examples,coverage,fuzzing",
            "--request-timeout",
            "15",
        ]
        done = subprocess.run(
            [*command, f"{host.url}/api/openapi.json", *bounds, "--no-color"],
            env={**os.environ, "CLAWFT_TOKEN": host.token},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=110,
        )
    assert done.returncode == 0, (
        "\n".join(line[:500] for line in done.stdout.splitlines()) + done.stderr[-2000:]
    )
    found = re.search(r"Selected: (\d+)/(\d+)\s+Tested: (\d+)", done.stdout)
    assert found, done.stdout[-2000:]
    selected, described, tested = map(int, found.groups())
    assert selected == tested == described - SWITCHED_OFF
    assert described >= len(ROUTES)
