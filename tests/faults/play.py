"""Plays faults in their long form, by name: every module here with a function ``run(long)`` is one. Without a
name it lists them; ``all`` plays all of them.

What ``run`` answers is printed, and says in ``wrong``, a tuple of sentences, what does not hold. The name of
a fault is its module's, or the first word of that.
"""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def faults() -> Iterator[str]:
    """The modules with a fault, by name."""
    for file in sorted(HERE.glob("[a-z]*.py")):
        if "\ndef run(" in file.read_text():
            yield file.stem


def listed() -> str:
    """A line for each: its name and what it is about."""
    about = {module: importlib.import_module(f"tests.faults.{module}").__doc__ or "" for module in faults()}
    return "\n".join(f"{module:18}{words.splitlines()[0]}" for module, words in about.items())


def chosen(names: list[str]) -> list[str]:
    """The modules that are meant. SystemExit says which names there are."""
    there = list(faults())
    if names == ["all"]:
        return there
    unknown = [name for name in names if not _meant(name, there)]
    if unknown:
        raise SystemExit(f"no fault is called {unknown[0]!r}; there is: all {' '.join(there)}")
    return [module for name in names for module in _meant(name, there)]


def _meant(name: str, there: list[str]) -> list[str]:
    return [module for module in there if module == name or module.startswith(f"{name}_")]


def play(module: str) -> bool:
    """Print the figures of one fault; whether everything holds."""
    figures: Any = importlib.import_module(f"tests.faults.{module}").run(long=True)
    print(figures, flush=True)
    for sentence in figures.wrong:
        print(f"  {sentence}", flush=True)
    return not figures.wrong


if __name__ == "__main__":
    if not sys.argv[1:]:
        print(listed())
        sys.exit(0)
    holds = [play(module) for module in chosen(sys.argv[1:])]
    sys.exit(0 if all(holds) else 1)
