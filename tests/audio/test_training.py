"""Training a phrase, the quick way; and once, in the long form, the real one."""

import json
import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import pytest

from clawft.cli import main
from clawft.drivers.audio import judging, training
from clawft.drivers.audio.embeddings import Floats
from clawft.drivers.audio.engines import EngineFailed
from clawft.drivers.audio.examples import Windows
from clawft.drivers.audio.network import Negatives, Network, Scale, all_logits, hardest
from clawft.drivers.audio.phrases import WINDOW, trained
from clawft.drivers.audio.studio import Studio
from clawft.drivers.audio.training import QUICK, Report, train

pytestmark = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")


class Told:
    """Keeps what it is told of the progress."""

    def __init__(self) -> None:
        self.shares: list[float] = []
        self.losses: list[float] = []

    def __call__(self, what: str, share: float) -> None:
        self.shares.append(share)
        if "loss" in what:
            self.losses.append(float(what.split()[2].rstrip(",")))


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report, Told]:
    """One training for all tests here."""
    folder = tmp_path_factory.mktemp("training") / "wake"
    told = Told()
    return folder, train("Hey  Weft", folder, progress=told, quick=True), told


def test_the_loss_falls(quick: tuple[Path, Report, Told]) -> None:
    _, _, told = quick
    assert told.losses[-1] < 0.6 * told.losses[0]


def test_speakers_never_heard_before_are_told_from_near_misses(quick: tuple[Path, Report, Told]) -> None:
    _, report, _ = quick
    assert report.heard_clean >= 2.5 * report.near_misses_taken
    assert report.heard_clean >= 0.3


def test_progress_goes_from_nothing_to_all_and_never_back(quick: tuple[Path, Report, Told]) -> None:
    _, _, told = quick
    assert (told.shares[0], told.shares[-1]) == (0.0, 1.0)
    assert told.shares == sorted(told.shares)


def test_the_phrase_is_kept_for_its_owner(quick: tuple[Path, Report, Told]) -> None:
    folder, report, _ = quick
    assert trained(folder) == ("hey weft",)
    assert report.file == str(folder / "hey-weft.npz")


def test_other_speech_is_kept_for_the_next_phrase(quick: tuple[Path, Report, Told]) -> None:
    folder, _, _ = quick
    with Studio(folder / "speech", lambda what, share: pytest.fail("nothing is to be made")) as studio:
        count = QUICK.speech["training"]
        clips = studio.speech("training", count, "no such phrase", (0, 1))
        assert len(clips) == count
        word = clips[0].text.split()[-1].rstrip(".")
        assert len(studio.speech("training", count, word, (0, 1))) < count


def test_a_training_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    def cancel(what: str, share: float) -> None:
        if share:  # something was made
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("hey weft", tmp_path, progress=cancel, quick=True)
    assert list(tmp_path.rglob("*")) == []
    assert not multiprocessing.active_children()


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineFailed, match="apt-get install espeak-ng"):
        train("hey weft", tmp_path)


def test_the_command_says_what_is_missing_and_ends_with_78(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["voice", "train", "hey weft", "--data-dir", str(tmp_path)]) == 78
    assert "apt-get install espeak-ng" in capsys.readouterr().err


def test_the_command_prints_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report("hey weft", "hey-weft.npz", 0.9, 0.8, 0.1, 0.5, 2.0, 1.5, 60.0)
    monkeypatch.setattr(training, "train", lambda *_, **__: report)
    assert main(["voice", "train", "hey weft", "--data-dir", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["heard_clean"] == 0.9
    assert main(["voice", "train", "hey weft", "--data-dir", str(tmp_path)]) == 0
    assert "0.9" in capsys.readouterr().out


def blobs(count: int, middle: float, seed: int) -> Windows:
    """Windows around a point: what is easily told apart."""
    random = np.random.default_rng(seed)
    rows = (random.standard_normal((count + WINDOW, 96)) + middle).astype(np.float32)
    return Windows(rows, np.arange(count))


def test_a_network_learns_and_its_scaling_is_part_of_its_weights() -> None:
    positives, others = blobs(200, 3.6, 1), blobs(600, 3.0, 2)
    scale, network = Scale.of(others), Network(np.random.default_rng(0))
    negatives = Negatives(scale.applied(others), np.empty(0, np.int64))
    losses = []
    for epoch in range(12):
        losses.append(network.epoch(scale.applied(positives), negatives, epoch / 12))
        negatives = hardest(network.weights, negatives.windows)
    assert losses[-1] < 0.5 * losses[0]
    weights = scale.undone(network.weights)
    unseen = all_logits(weights, blobs(100, 3.6, 3)), all_logits(weights, blobs(100, 3.0, 4))
    assert (unseen[0] > 0).mean() > 0.9 > 0.1 > (unseen[1] > 0).mean()


def test_alarms_within_the_cool_down_are_one() -> None:
    logits: Floats = np.full(200, -5.0, np.float32)
    logits[[10, 12, 30, 100]] = [1.0, 3.0, 2.0, 0.5]
    assert judging.alarms(logits, 0.0) == 2
    assert judging.alarms(logits, 0.7) == 1
    assert judging.loudest(logits, 2) == [3.0, 0.5]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_phrase_trained_in_full_is_heard_and_seldom_taken_for_another(tmp_path: Path) -> None:
    report = train("hey weft", tmp_path)
    assert report.heard_clean >= 0.85
    assert report.false_alarms_per_hour <= 1.0
