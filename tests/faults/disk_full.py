"""A disk that is full, and then is not: refused in time, never acknowledged in vain, soon back."""

import subprocess
import tempfile
import time
from pathlib import Path

from tests.faults.figures import Figures
from tests.faults.hosts import Caller, hosting, timed
from tests.scenarios.process import Answer


def run(long: bool) -> Figures:
    figures = Figures("disk full")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "small"
        place.mkdir()
        mounted = _mount(place)
        if not mounted:
            figures.note("not played: nothing may be mounted here")
            return figures
        try:
            for _ in range(5 if long else 1):
                _play(place / "data", figures)
        finally:
            subprocess.run(["umount", "--lazy", str(place)], check=False)
    return figures


def _mount(place: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", "size=32m,mode=0700", "tmpfs", str(place)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _play(data: Path, figures: Figures) -> None:
    with hosting(data) as host:
        call = Caller(host, host.ok("POST", "/api/auth/token")["token"])
        kept: list[str] = []

        def put(name: str) -> Answer:
            answer = call("POST", "/api/memory", {"key": name, "value": "x" * 20_000})
            if answer.status == 200:
                kept.append(name)
            return answer

        put("before")
        ballast = data.parent / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while file.write(b"\0" * 4096):
                    pass
            except OSError:
                pass
        refused, slowest, statuses = 0, 0.0, set()
        for number in range(30):
            answer, took = timed(lambda: put(f"full-{number}"))  # noqa: B023
            statuses.add(answer.status)
            refused += answer.status in (503, 507)
            slowest = max(slowest, took if answer.status != 200 else 0.0)
        figures.must(
            refused > 0 and statuses <= {200, 503, 507}, f"answers {sorted(statuses)}, {refused} refused"
        )
        figures.must(slowest <= 2.0, f"refused within {slowest:.2f} s")
        health, took = timed(lambda: call("GET", "/api/health"))
        figures.must(
            health.body["status"] == "degraded" and took < 0.5, f"health says {health.body['reasons'][:1]}"
        )
        ballast.unlink()
        began = time.monotonic()
        while put("after").status != 200 and time.monotonic() - began < 20:
            time.sleep(0.1)
        back = time.monotonic() - began
        figures.must(back <= 5.0, f"back {back:.2f} s after there was room")
        missing = [name for name in kept if not _is_there(call, name)]
        figures.must(not missing, f"{len(kept)} acknowledged, {len(missing)} of them missing")


def _is_there(call: Caller, name: str) -> bool:
    found = call("GET", f"/api/memory/search?q={name}&threshold=0.95")
    return any(row["key"] == name for row in found.body)
