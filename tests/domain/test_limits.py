"""How often something may be tried."""

from clawft.domain.limits import ALL_GUESSES, PEER_GUESSES, Bucket, Door, Guesses


def test_a_bucket_lets_its_burst_through_and_then_its_rate() -> None:
    bucket = Bucket(burst=3, rate=1)
    assert [bucket.take(10.0) for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]
    assert bucket.take(10.5) == 0.5
    assert bucket.take(11.0) == 0.0


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    bucket = Bucket(burst=2, rate=1)
    bucket.take(0.0)
    assert [bucket.take(1000.0) for _ in range(3)] == [0.0, 0.0, 1.0]


def test_a_door_shuts_after_the_allowed_wrong_tries() -> None:
    door = Door(3)
    for at in (0.0, 1.0):
        door.wrong(at)
    assert door.shut(1.0) == 0.0
    door.wrong(2.0)
    assert door.shut(2.0) == 60.0
    assert door.shut(62.0) == 0.0


def test_tries_further_apart_than_a_minute_do_not_add_up() -> None:
    door = Door(2)
    for at in (0.0, 61.0, 122.0):
        door.wrong(at)
        assert door.shut(at) == 0.0


def test_each_lock_out_is_twice_as_long_up_to_a_quarter_of_an_hour() -> None:
    door, at, pauses = Door(1), 0.0, []
    for _ in range(6):
        door.wrong(at)
        pauses.append(door.shut(at))
        at += pauses[-1] + 1
    assert pauses == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0]


def test_a_quiet_quarter_of_an_hour_after_the_lock_out_forgives_it() -> None:
    door = Door(1)
    door.wrong(0.0)
    door.wrong(60.0)
    assert door.shut(60.0) == 120.0
    door.wrong(180.0 + 900.0)
    assert door.shut(1080.0) == 60.0


def test_one_peer_is_locked_out_and_the_others_are_not() -> None:
    guesses = Guesses()
    for _ in range(PEER_GUESSES):
        guesses.wrong("127.0.0.1", 0.0)
    assert guesses.shut("127.0.0.1", 0.0) == 60.0
    assert guesses.shut("127.0.0.2", 0.0) == 0.0


def test_many_peers_together_lock_everybody_out() -> None:
    guesses = Guesses()
    for n in range(ALL_GUESSES):
        guesses.wrong(f"10.0.0.{n}", 0.0)
    assert guesses.shut("10.0.1.1", 0.0) == 60.0


def test_quiet_peers_are_forgotten() -> None:
    guesses = Guesses()
    guesses.wrong("a", 0.0)
    guesses.wrong("b", 800.0)
    guesses.forgive(1000.0)
    assert len(guesses) == 1
