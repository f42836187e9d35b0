"""The store as its users hold it: what is written, read and refused."""

import gc
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import peewee as pw
import pytest

from clawft.errors import NotFound
from clawft.runtime import MailboxFull, Reply, System
from clawft.store import Store
from clawft.store.database import FILE_NAME, connection, database
from clawft.store.tables import EventRow, SettingRow
from clawft.store.transaction import GivenUp, Insert
from clawft.store.writer import Tidy
from tests.store.conftest import NOW

WAIT = 10.0


def put(key: str, value: object = 1) -> Callable[[], int]:
    return lambda: int(SettingRow.insert(key=key, value=value).execute())


def keys(store: Store) -> list[str]:
    def query() -> list[str]:
        return [row.key for row in SettingRow.select().order_by(SettingRow.key)]

    return store.read(query).get(timeout=WAIT)


def event(seq: int) -> tuple[Any, ...]:
    return ("chat:message", seq, b"{}", "2026-02-24T10:30:00.000000Z")


class Held:
    """Keeps the writer busy until it is let go, so that what is asked meanwhile becomes one group."""

    def __init__(self, store: Store) -> None:
        self._gate = threading.Event()
        self._began = threading.Event()
        self.reply: Reply[bool] = store.write(self._wait)
        assert self._began.wait(WAIT)

    def _wait(self) -> bool:
        self._began.set()
        return self._gate.wait(WAIT)

    def let_go(self) -> None:
        self._gate.set()
        assert self.reply.get(timeout=WAIT)


def test_what_was_acknowledged_is_in_the_file(store: Store) -> None:
    store.write(put("a")).get(timeout=WAIT)
    with closing(sqlite3.connect(store.folder / FILE_NAME)) as other:
        assert other.execute("SELECT key FROM settings").fetchall() == [("a",)]


def test_nothing_is_acknowledged_before_its_commit(store: Store) -> None:
    held = Held(store)
    first, last = store.write(put("a")), store.write(lambda: connection().in_transaction)
    assert not first.done()
    assert keys(store) == []
    held.let_go()
    assert last.get(timeout=WAIT)
    assert keys(store) == ["a"]


def test_a_failing_work_fails_alone_in_its_group(store: Store) -> None:
    def half_done() -> None:
        put("half")()
        raise NotFound("nothing here")

    held = Held(store)
    before, failing, after = store.write(put("a")), store.write(half_done), store.write(put("b"))
    held.let_go()
    before.get(timeout=WAIT)
    after.get(timeout=WAIT)
    with pytest.raises(NotFound, match="nothing here"):
        failing.get(timeout=WAIT)
    assert keys(store) == ["a", "b"]


def test_an_exit_raised_by_a_work_is_its_own(store: Store) -> None:
    def leave() -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        store.write(leave).get(timeout=WAIT)
    store.write(put("a")).get(timeout=WAIT)


@pytest.mark.parametrize("statement", ["ROLLBACK", "COMMIT"])
def test_a_work_that_ends_the_transaction_is_no_success_and_the_store_goes_on(
    store: Store, statement: str
) -> None:
    with pytest.raises(GivenUp):
        store.write(lambda: connection().execute(statement)).get(timeout=WAIT)
    assert "GivenUp" in store.check()
    store.write(put("a")).get(timeout=WAIT)
    assert store.check() == ""
    assert keys(store) == ["a"]


def test_a_work_nobody_waits_for_does_not_fail_in_silence(
    store: Store, system: System, caplog: pytest.LogCaptureFixture
) -> None:
    system.find("store").tell(Insert("INSERT INTO no_such_table VALUES (?)", (1,)))
    store.write(put("a")).get(timeout=WAIT)
    assert "nobody waits to hear" in caplog.text


def test_a_transaction_of_peewee_inside_a_work_is_a_savepoint(store: Store) -> None:
    def twice() -> None:
        with database.atomic():
            put("undone")()
            put("kept")()

    def work() -> None:
        put("kept")()
        with pytest.raises(pw.IntegrityError):
            twice()

    store.write(work).get(timeout=WAIT)
    assert keys(store) == ["kept"]


def test_a_cancelled_work_never_runs(store: Store) -> None:
    held = Held(store)
    unwanted, wanted = store.write(put("unwanted")), store.write(put("wanted"))
    unwanted.cancel()
    held.let_go()
    wanted.get(timeout=WAIT)
    assert keys(store) == ["wanted"]


def test_one_bad_row_does_not_spoil_the_others_inserted_with_it(store: Store) -> None:
    held = Held(store)
    replies = [store.insert(EventRow, event(seq)) for seq in (1, 2, 2, 3)]
    held.let_go()
    assert [replies[which].get(timeout=WAIT) for which in (0, 1, 3)] == [None, None, None]
    with pytest.raises(sqlite3.IntegrityError):
        replies[2].get(timeout=WAIT)
    assert store.read(lambda: EventRow.select().count()).get(timeout=WAIT) == 3


def test_inserts_and_writes_keep_the_order_they_came_in(store: Store) -> None:
    held = Held(store)
    replies: list[Reply[Any]] = []
    for seq in range(1, 4):
        replies.append(store.insert(EventRow, event(seq)))
        replies.append(store.write(lambda: EventRow.select().count()))
    held.let_go()
    assert [reply.get(timeout=WAIT) for reply in replies] == [None, 1, None, 2, None, 3]


def test_a_row_may_name_its_columns(store: Store) -> None:
    store.insert(SettingRow, {"value": "1", "key": "named"}).get(timeout=WAIT)
    assert keys(store) == ["named"]


def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(TypeError, match="a read cannot write"):
        store.read(put("a")).get(timeout=WAIT)
    assert keys(store) == []


def test_all_queries_of_a_read_see_the_same_moment(store: Store) -> None:
    counted, written = threading.Event(), threading.Event()

    def count_twice() -> tuple[int, int]:
        first = SettingRow.select().count()
        counted.set()
        assert written.wait(WAIT)
        return first, SettingRow.select().count()

    counts = store.read(count_twice)
    assert counted.wait(WAIT)
    store.write(put("a")).get(timeout=WAIT)
    written.set()
    assert counts.get(timeout=WAIT) == (0, 0)
    assert keys(store) == ["a"]


def test_a_slow_read_holds_up_no_other(store: Store) -> None:
    gate, began = threading.Event(), threading.Event()

    def slowly() -> bool:
        began.set()
        return gate.wait(WAIT)

    slow = store.read(slowly)
    assert began.wait(WAIT)
    assert [keys(store) for _ in range(6)] == [[]] * 6
    gate.set()
    assert slow.get(timeout=WAIT)


def test_the_tables_have_no_connection_outside_the_stores_threads(store: Store) -> None:
    with pytest.raises(pw.InterfaceError):
        put("a")()


def test_a_full_mailbox_refuses_and_what_was_taken_is_kept(store: Store) -> None:
    taken: list[Reply[None]] = []

    def overfill() -> None:
        for seq in range(1, 10_000):
            reply = store.insert(EventRow, event(seq))
            if reply.done():
                reply.result()
            taken.append(reply)

    held = Held(store)
    with pytest.raises(MailboxFull):
        overfill()
    held.let_go()
    for reply in taken:
        reply.get(timeout=WAIT)
    assert store.read(lambda: EventRow.select().count()).get(timeout=WAIT) == len(taken)


def test_two_stores_in_one_process_do_not_mix(store: Store, system: System, tmp_path: Path) -> None:
    other_system = System("other")
    other = Store.open(other_system, tmp_path / "other")
    store.write(put("here")).get(timeout=WAIT)
    other.write(put("there")).get(timeout=WAIT)
    assert keys(store) == ["here"]
    assert keys(other) == ["there"]
    other.close()
    other_system.stop(10)


def test_closing_keeps_what_was_accepted_and_empties_the_log(system: System, tmp_path: Path) -> None:
    store = Store.open(system, tmp_path / "data")
    replies = [store.write(put(f"key-{number:03}")) for number in range(100)]
    store.close()
    for reply in replies:
        reply.get(timeout=WAIT)
    gc.collect()
    assert not (tmp_path / "data" / f"{FILE_NAME}-wal").exists()
    again = System("again")
    reopened = Store.open(again, tmp_path / "data")
    assert len(keys(reopened)) == 100
    reopened.close()
    again.stop(10)


def test_a_store_whose_system_has_stopped_closes_at_once(tmp_path: Path) -> None:
    system = System("stopped")
    store = Store.open(system, tmp_path / "data")
    store.write(put("a")).get(timeout=WAIT)
    assert system.stop(10) == ()
    began = time.monotonic()
    store.close()
    assert time.monotonic() - began < 5
    assert not (tmp_path / "data" / f"{FILE_NAME}-wal").exists()


def test_a_restarted_writer_goes_on(store: Store, system: System) -> None:
    store.write(put("before")).get(timeout=WAIT)
    system.restart("store")
    store.write(put("after")).get(timeout=WAIT)
    assert keys(store) == ["after", "before"]


def test_the_log_is_brought_into_the_file_when_nothing_is_written(store: Store, system: System) -> None:
    store.write(put("a")).get(timeout=WAIT)
    assert without_the_log(store) == []
    for _ in range(2):  # the first finds that something has just been written
        system.tell("store", Tidy())
    store.write(lambda: None).get(timeout=WAIT)
    assert without_the_log(store) == [("a",)]


def without_the_log(store: Store) -> list[tuple[str]]:
    address = f"file:{store.folder / FILE_NAME}?immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as raw:
        return raw.execute("SELECT key FROM settings").fetchall()


def test_every_commit_reaches_the_disk_and_no_reader_may_write(store: Store) -> None:
    def pragma(name: str) -> Any:
        return connection().execute(f"PRAGMA {name}").fetchone()[0]

    writing = [store.write(partial(pragma, name)) for name in ("journal_mode", "synchronous", "foreign_keys")]
    assert [reply.get(timeout=WAIT) for reply in writing] == ["wal", 2, 1]
    assert store.read(partial(pragma, "query_only")).get(timeout=WAIT) == 1


def test_size_is_known_from_the_start_and_health_is_good(store: Store) -> None:
    store.write(put("a")).get(timeout=WAIT)
    assert store.size() > 4096
    assert store.check() == ""


def test_moments_come_back_as_they_were(store: Store) -> None:
    row = ("t", 1, b"", "2026-02-24T10:30:00.000000Z")
    store.insert(EventRow, row).get(timeout=WAIT)
    assert store.read(lambda: EventRow.get().at).get(timeout=WAIT) == NOW
