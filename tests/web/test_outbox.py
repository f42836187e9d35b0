"""The outbox: bounded, in order, and honest."""

from asyncio import Future, get_running_loop, sleep

from clawft.web.limits import Limits
from clawft.web.outbox import Outbox


class Wire:
    """A stream that takes bytes when it is told to."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.is_slow = False
        self.pending: Future[None] | None = None

    def send(self, data: bytes) -> "Future[None] | None":
        self.sent.append(data)
        self.pending = get_running_loop().create_future() if self.is_slow else None
        return self.pending

    async def drain(self) -> None:
        """The client reads all that was sent so far."""
        pending, self.pending = self.pending, None
        assert pending is not None
        pending.set_result(None)
        await sleep(0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def outbox(wire: Wire, clock: Clock | None = None, **limits: int) -> Outbox:
    return Outbox(
        wire.send, lambda topic, count: f"<{topic}:{count}>".encode(), Limits(**limits), clock or Clock()
    )


async def test_a_client_that_reads_is_sent_to_at_once() -> None:
    box = outbox(wire := Wire())
    box.put("t", b"1")
    box.put("t", b"2")
    assert wire.sent == [b"1", b"2"]
    assert (len(box), box.size) == (0, 0)


async def test_what_waits_is_sent_in_order_and_together() -> None:
    box = outbox(wire := Wire())
    wire.is_slow = True
    for data in (b"1", b"2", b"3"):
        box.put("t", data)
    assert (wire.sent, box.size) == ([b"1"], 3)
    await wire.drain()
    assert wire.sent == [b"1", b"23"]
    await wire.drain()
    assert box.size == 0


async def test_what_does_not_fit_is_counted_and_confessed_after_what_did() -> None:
    box = outbox(wire := Wire(), queue_frames=2)
    wire.is_slow = True
    for data in (b"1", b"2", b"3", b"4"):
        box.put("a", data)
    box.put("b", b"5")
    assert box.dropped == 2
    await wire.drain()
    assert wire.sent[-1] == b"23"
    box.put("a", b"6")
    await wire.drain()
    assert wire.sent[-1] == b"<a:2><b:1>"
    assert box.dropped == 0
    wire.is_slow = False
    await wire.drain()
    box.put("a", b"7")
    assert wire.sent[-1] == b"7"


async def test_bytes_are_bounded_too() -> None:
    box = outbox(wire := Wire(), queue_bytes=10)
    wire.is_slow = True
    box.put("t", b"12345678")
    box.put("t", b"9")
    box.put("t", b"too much")
    assert (box.size, box.dropped) == (9, 1)


async def test_one_frame_larger_than_the_queue_still_goes_out() -> None:
    box = outbox(wire := Wire(), queue_bytes=10)
    box.put("t", b"x" * 100)
    assert wire.sent == [b"x" * 100]


async def test_a_newer_state_takes_the_older_ones_place() -> None:
    box = outbox(wire := Wire(), queue_frames=2)
    wire.is_slow = True
    for number in range(50):
        box.put("voice:status", b"v%d" % number, newest_wins=True)
        box.put("chat:message", b"c") if number == 1 else None
    assert box.dropped == 0
    await wire.drain()
    assert wire.sent == [b"v0", b"v49c"]
    await wire.drain()
    box.put("voice:status", b"v50", newest_wins=True)
    assert wire.sent[-1] == b"v50"


async def test_a_replay_may_be_longer_than_the_queue() -> None:
    box = outbox(wire := Wire(), queue_frames=2)
    wire.is_slow = True
    box.put_all("t", [b"%d" % number for number in range(10)])
    assert box.dropped == 0
    await wire.drain()
    assert b"".join(wire.sent) == b"0123456789"


async def test_who_takes_nothing_is_stuck() -> None:
    clock = Clock()
    box = outbox(wire := Wire(), clock, patience=10)
    wire.is_slow = True
    box.put("t", b"1")
    clock.now = 9.0
    assert not box.is_stuck()
    clock.now = 11.0
    assert box.is_stuck()
    await wire.drain()
    assert not box.is_stuck()


async def test_who_stays_behind_is_stuck_though_it_reads_a_little() -> None:
    clock = Clock()
    box = outbox(wire := Wire(), clock, patience=10, queue_frames=2)
    wire.is_slow = True
    for _ in range(4):
        box.put("t", b"x" * 60_000)
    clock.now = 6.0
    await wire.drain()
    clock.now = 12.0
    assert box.dropped
    assert box.is_stuck()


async def test_a_busy_client_that_keeps_up_is_not_stuck() -> None:
    clock = Clock()
    box = outbox(wire := Wire(), clock, patience=10, queue_frames=4)
    wire.is_slow = True
    for number in range(30):
        clock.now = float(number)
        box.put("t", b"x")
        assert not box.is_stuck()
        if wire.pending is not None:
            await wire.drain()


async def test_a_closed_outbox_sends_nothing() -> None:
    box = outbox(wire := Wire())
    wire.is_slow = True
    box.put("t", b"1")
    box.put("t", b"2")
    box.close()
    await wire.drain()
    box.put("t", b"3")
    assert wire.sent == [b"1"]
    assert box.size == 0
