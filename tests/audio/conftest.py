"""Sound cards for tests: one in user space, none at all, a broken one, a frozen one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audio.card import VirtualCard
from tests.audio.card import virtual_card as started


@pytest.fixture
def virtual_card() -> Iterator[VirtualCard | None]:
    """None where the Debian packages for it are missing: no sound card, which is a case too."""
    with started() as card:
        yield card


@pytest.fixture
def no_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An ALSA configuration that names no device."""
    (tmp_path / "asound.conf").write_text("")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(tmp_path / "asound.conf"))
