"""The workspace: what may be opened beneath it, whoever changes it meanwhile."""

import os
import shutil
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clawft.drivers.tools import workspace as limits
from clawft.drivers.tools.openat2 import Opener, by_openat2, by_walking, opener
from clawft.drivers.tools.workspace import Workspace
from clawft.errors import ClawftError, Conflict, Invalid, NotFound, TooLarge

SECRET = b"the secret outside"
OPENERS = [by_walking] if opener() is by_walking else [by_walking, by_openat2]


@pytest.fixture(params=OPENERS, ids=lambda way: str(way.__name__))
def open_beneath(request: pytest.FixtureRequest) -> Opener:
    way: Opener = request.param
    return way


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_bytes(SECRET)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


@pytest.fixture
def workspace(root: Path, open_beneath: Opener) -> Workspace:
    return Workspace(root, open_beneath)


def test_what_was_written_is_read_back(workspace: Workspace) -> None:
    assert workspace.write("notes/2026/today.md", b"hello") is True
    assert workspace.write("notes/2026/today.md", b"hello again") is False
    assert workspace.read("./notes//2026/today.md") == b"hello again"


def test_the_workspace_is_made_when_it_is_missing(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "data" / "workspace")
    workspace.write("a.txt", b"a")
    assert stat.S_IMODE((tmp_path / "data" / "workspace").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "data" / "workspace" / "a.txt").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "path",
    ["../outside/secret.txt", "a/../../outside/secret.txt", "/etc/passwd", "..", "a\0b", "\udcff" * 3000],
)
def test_a_path_that_leads_out_is_refused(workspace: Workspace, outside: Path, path: str) -> None:
    for act in (workspace.read, workspace.list, lambda p: workspace.write(p, b"x")):
        with pytest.raises(ClawftError):
            act(path)
    assert (outside / "secret.txt").read_bytes() == SECRET


@pytest.mark.parametrize("path", ["../outside/secret.txt", "a/../../outside/secret.txt", "/etc/passwd"])
def test_the_opener_itself_refuses_a_path_that_leads_out(
    root: Path, open_beneath: Opener, path: str, outside: Path
) -> None:
    (root / "a").mkdir()
    folder = os.open(root, os.O_RDONLY)
    try:
        with pytest.raises(OSError, match=r"(?i)cross-device|too many"):
            open_beneath(folder, path, os.O_RDONLY, 0)
    finally:
        os.close(folder)


def test_links_are_refused_wherever_they_point(workspace: Workspace, root: Path, outside: Path) -> None:
    (root / "inside.txt").write_text("inside")
    (root / "file-out").symlink_to(outside / "secret.txt")
    (root / "file-in").symlink_to("inside.txt")
    (root / "folder-out").symlink_to(outside)
    (root / "process").symlink_to("/proc/self/root")
    for path in ("file-out", "file-in", "folder-out/secret.txt", "process/etc/passwd"):
        with pytest.raises(Invalid, match=r"link|folder") as refused:
            workspace.read(path)
        assert str(outside) not in str(refused.value)
    for path in ("file-out", "file-in", "folder-out/secret.txt", "folder-out/new.txt"):
        with pytest.raises(Invalid):
            workspace.write(path, b"overwritten")
    assert sorted(each.name for each in outside.iterdir()) == ["secret.txt"]
    assert (outside / "secret.txt").read_bytes() == SECRET
    assert (root / "inside.txt").read_text() == "inside"
    with pytest.raises(Invalid):
        workspace.list("folder-out")


def test_a_file_with_a_second_name_is_not_read(workspace: Workspace, root: Path, outside: Path) -> None:
    os.link(outside / "secret.txt", root / "innocent.txt")
    with pytest.raises(Invalid, match="2 names"):
        workspace.read("innocent.txt")
    with pytest.raises(Invalid, match="2 names"):
        workspace.edit("innocent.txt", b"secret", b"x", every=False)
    workspace.write("innocent.txt", b"mine")
    assert (outside / "secret.txt").read_bytes() == SECRET


def test_a_fifo_or_socket_does_not_hold_the_reader(workspace: Workspace, root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(root, os.O_RDONLY)
        try:
            listener.bind(f"/proc/self/fd/{here}/socket")
        finally:
            os.close(here)
        for name in ("pipe", "socket"):
            with pytest.raises(Invalid, match="regular"):
                workspace.read(name)
            with pytest.raises(Invalid, match="regular"):
                workspace.write(name, b"x")


def test_folders_and_missing_files_are_named_as_such(workspace: Workspace, root: Path) -> None:
    (root / "docs").mkdir()
    with pytest.raises(Invalid, match="docs is a folder"):
        workspace.read("docs")
    for path in ("docs", "docs/", ".", ""):
        with pytest.raises(Invalid):
            workspace.write(path, b"x")
    with pytest.raises(NotFound, match=r"nothing\.txt does not exist"):
        workspace.read("nothing.txt")
    with pytest.raises(Invalid, match="too long"):
        workspace.read("n" * 300)


def test_sizes_are_bounded(workspace: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.write("full.txt", b"x" * limits.MAX_WRITE)
    with pytest.raises(TooLarge):
        workspace.write("full.txt", b"x" * (limits.MAX_WRITE + 1))
    assert (root / "full.txt").stat().st_size == limits.MAX_WRITE
    with pytest.raises(TooLarge, match="ask for some lines"):
        workspace.read("full.txt")
    assert len(workspace.read_lines("full.txt", 1, 10)) == limits.MAX_READ
    with (root / "sparse").open("wb") as file:
        file.truncate(limits.MAX_SCAN + 1)
    with pytest.raises(TooLarge):
        workspace.read_lines("sparse", 1, 1)


def test_an_edit_that_would_outgrow_the_limit_is_refused_before_it_is_made(workspace: Workspace) -> None:
    workspace.write("many.txt", b"a" * limits.MAX_READ)
    with pytest.raises(TooLarge):
        workspace.edit("many.txt", b"a", b"b" * 200_000, every=True)
    assert workspace.read("many.txt") == b"a" * limits.MAX_READ


def test_what_is_too_large_to_be_read_can_still_be_edited(workspace: Workspace) -> None:
    workspace.write("big.txt", b"a" * (limits.MAX_READ + 1) + b"b")
    assert workspace.edit("big.txt", b"b", b"c", every=False) == 1
    assert workspace.read_lines("big.txt", 1, 1).startswith(b"aaa")


def test_lines_are_counted_from_one(workspace: Workspace) -> None:
    workspace.write("lines.txt", b"one\ntwo\nthree\nfour")
    assert workspace.read_lines("lines.txt", 2, 2) == b"two\nthree\n"
    assert workspace.read_lines("lines.txt", 4, 9) == b"four"
    assert workspace.read_lines("lines.txt", 5, 9) == b""


def test_an_edit_needs_one_place_or_the_word_all(workspace: Workspace) -> None:
    workspace.write("a.txt", b"x = 1\ny = 1\n")
    with pytest.raises(Conflict, match="2 times"):
        workspace.edit("a.txt", b"1", b"2", every=False)
    with pytest.raises(NotFound):
        workspace.edit("a.txt", b"3", b"2", every=False)
    assert workspace.read("a.txt") == b"x = 1\ny = 1\n"
    assert workspace.edit("a.txt", b"1", b"2", every=True) == 2
    assert workspace.edit("a.txt", b"x = 2", b"x = 5", every=False) == 1
    assert workspace.read("a.txt") == b"x = 5\ny = 2\n"


def test_a_replaced_file_keeps_its_rights(workspace: Workspace, root: Path) -> None:
    (root / "run.sh").write_text("old")
    (root / "run.sh").chmod(0o750)
    workspace.write("run.sh", b"new")
    assert stat.S_IMODE((root / "run.sh").stat().st_mode) == 0o750


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    workspace: Workspace, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.write("a.txt", b"old")

    def no_room(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_room)
    with pytest.raises(ClawftError, match="no room") as refused:
        workspace.write("a.txt", b"new")
    assert refused.value.status == 507
    assert [each.name for each in root.iterdir()] == ["a.txt"]
    assert (root / "a.txt").read_bytes() == b"old"


def test_concurrent_edits_lose_nothing(workspace: Workspace) -> None:
    workspace.write("log.txt", b"END")
    threads = [
        threading.Thread(
            target=workspace.edit, args=("log.txt", b"END", b"%d\nEND" % n), kwargs={"every": False}
        )
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    lines = workspace.read("log.txt").split()
    assert sorted(lines[:-1]) == sorted(b"%d" % n for n in range(20))


def test_readers_see_the_old_file_or_the_new_one(workspace: Workspace) -> None:
    texts = {b"a" * 300_000, b"b" * 200_000}
    workspace.write("f.txt", b"a" * 300_000)
    with repeated(lambda: [workspace.write("f.txt", text) for text in texts]):
        seen = {workspace.read("f.txt") for _ in range(60)}
    assert seen <= texts


def test_a_listing_says_what_each_name_is(workspace: Workspace, root: Path, outside: Path) -> None:
    workspace.write("b.txt", b"12345")
    (root / "a").mkdir()
    (root / "c").symlink_to(outside)
    os.mkfifo(root / "d")
    entries, total = workspace.list("")
    assert [(each.name, each.kind) for each in entries] == [
        ("a", "folder"),
        ("b.txt", "file"),
        ("c", "link"),
        ("d", "other"),
    ]
    assert (entries[1].size, total) == (5, 4)


def test_a_long_listing_is_cut_and_counted(workspace: Workspace, root: Path) -> None:
    for number in range(limits.MAX_ENTRIES + 5):
        (root / f"{number:05}").touch()
    entries, total = workspace.list(".")
    assert (len(entries), entries[0].name, total) == (limits.MAX_ENTRIES, "00000", limits.MAX_ENTRIES + 5)


@contextmanager
def repeated(act: "object") -> Iterator[None]:
    """``act`` over and over in another thread while the block runs."""
    assert callable(act)
    over = threading.Event()

    def loop() -> None:
        while not over.is_set():
            act()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(20)


def swap(place: Path, one: Path, other: Path) -> None:
    """Let ``place`` be ``one`` for a moment, then ``other``; make way if the workspace put a folder there."""
    for target in (one, other):
        try:
            target.rename(place)
        except OSError:
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.rename(target)


def test_an_attacker_who_swaps_a_folder_for_a_link_gets_nothing(
    workspace: Workspace, root: Path, outside: Path
) -> None:
    (root / "real").mkdir()
    (root / "real" / "secret.txt").write_bytes(b"harmless")
    (root / "bait").symlink_to(outside)
    outcomes = {"read": 0, "refused": 0}
    with repeated(lambda: swap(root / "docs", root / "real", root / "bait")):
        for turn in range(3000):
            try:
                assert workspace.read("docs/secret.txt") == b"harmless"
                if turn % 10 == 0:
                    workspace.write("docs/secret.txt", b"harmless")
                    workspace.write("docs/planted.txt", b"planted")
                outcomes["read"] += 1
            except (Invalid, NotFound):
                outcomes["refused"] += 1
    assert [each.name for each in outside.iterdir()] == ["secret.txt"]
    assert (outside / "secret.txt").read_bytes() == SECRET
    assert min(outcomes.values()) > 0, f"the attacker and the reader never met: {outcomes}"


def test_an_attacker_who_swaps_a_file_for_a_link_gets_nothing(
    workspace: Workspace, root: Path, outside: Path
) -> None:
    (root / "real.txt").write_bytes(b"harmless")
    (root / "bait").symlink_to(outside / "secret.txt")
    outcomes = {"read": 0, "refused": 0}
    with repeated(lambda: swap(root / "a.txt", root / "real.txt", root / "bait")):
        for _ in range(3000):
            try:
                assert workspace.read("a.txt") == b"harmless"
                outcomes["read"] += 1
            except (Invalid, NotFound):
                outcomes["refused"] += 1
    assert min(outcomes.values()) > 0, f"the attacker and the reader never met: {outcomes}"
