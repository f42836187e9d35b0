"""Whole hosts for the scenarios."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.process import HostProcess, serving


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    """A host shared by the tests of a file."""
    with serving(tmp_path_factory.mktemp("scenario") / "data") as running:
        yield running


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"
