"""The type checker ties a handler to the answer its message promises."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

HEAD = """
from typing_extensions import assert_type
from clawft.runtime import Actor, Ask, Reply, System, on

class Length(Ask[int], frozen=True):
    text: str

class Other(Ask[str], frozen=True):
    pass

"""

GOOD = """
class Plain(Actor):
    @on(Length)
    def length(self, ask: Length) -> int:
        return len(ask.text)

class Waiting(Actor):
    @on(Length)
    async def length(self, ask: Length) -> int:
        return len(ask.text)

class HandingOn(Actor):
    @on(Length)
    def length(self, ask: Length) -> Reply[int]:
        return self.ask("plain", ask)

async def use(system: System) -> None:
    assert_type(system.ask("plain", Length("x")), Reply[int])
    assert_type(await system.ask("plain", Length("x")), int)
    assert_type(system.spawn(Plain, "plain").ask(Length("x"), block=False), Reply[int])
"""

BAD = {
    "plain": "    def length(self, ask: Length) -> str: return ''",
    "async": "    async def length(self, ask: Length) -> str: return ''",
    "handing on": "    def length(self, ask: Length) -> Reply[str]: return self.ask('other', Other())",
}


def checked(tmp_path: Path, text: str) -> tuple[int, str]:
    snippet = tmp_path / "snippet.py"
    snippet.write_text(HEAD + text)
    # Its own: what the checker keeps of a file depends on where it came from, and spoils the check of all.
    cache = tmp_path.parent / "mypy-cache"
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache), str(snippet)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    return done.returncode, done.stdout


def test_the_reply_of_an_ask_is_inferred_from_its_message(tmp_path: Path) -> None:
    code, said = checked(tmp_path, GOOD)
    assert code == 0, said


def test_a_handler_with_a_wrong_answer_is_refused(tmp_path: Path) -> None:
    bodies = [f"class Bad{n}(Actor):\n    @on(Length)\n{body}\n" for n, body in enumerate(BAD.values())]
    code, said = checked(tmp_path, "\n".join(bodies))
    assert code == 1
    assert said.count("error:") == len(BAD), said
    assert said.count('"__call__" of "on"') == len(BAD), said
