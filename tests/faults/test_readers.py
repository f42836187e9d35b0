"""The readers see every frame, however it is cut."""

from clawft.web.frames import text_frame
from tests.faults.readers import PING, Reader


def test_frames_of_all_sizes_are_seen_however_they_are_cut() -> None:
    bodies = [
        b'{"data":"sent=10.5 %s","seq":%d}' % (b"x" * size, seq) for seq, size in enumerate((1, 200, 70_000))
    ]
    stream = text_frame(bodies[0]) + bytes([PING, 2]) + b"hi" + b"".join(map(text_frame, bodies[1:]))
    for step in (1, 7, 1000, len(stream)):
        reader, pings = Reader(), []
        for at in range(0, len(stream), step):
            pings += reader.take(stream[at : at + step], now=11.0)
        assert (reader.frames, reader.out_of_order, reader.late, pings) == (3, 0, [0.5] * 3, [b"hi"])


def test_a_number_left_out_is_noticed() -> None:
    reader = Reader()
    reader.take(text_frame(b'{"seq":1}') + text_frame(b'{"seq":3}'), now=0.0)
    assert reader.out_of_order == 1
