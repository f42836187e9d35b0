"""Whose socket it is: the kernel's answer, asked for one row or read from the whole table."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from clawft.web.peers import asked, listed

Ends = tuple[int, tuple[str, int], tuple[str, int]]


@pytest.fixture(params=[asked, listed])
def owner(request: pytest.FixtureRequest) -> Callable[..., int | None]:
    way: Callable[..., int | None] = request.param
    return way


@pytest.fixture(params=[(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def server(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    family, host = request.param
    with closing(socket.socket(family)) as listener:
        listener.bind((host, 0))
        listener.listen()
        yield listener


def ends(taken: socket.socket) -> Ends:
    return taken.family, taken.getpeername()[:2], taken.getsockname()[:2]


def test_our_own_connection_is_ours(owner: Callable[..., int | None], server: socket.socket) -> None:
    with closing(socket.create_connection(server.getsockname()[:2])):
        taken, _ = server.accept()
        with closing(taken):
            assert owner(*ends(taken)) == os.geteuid()


def test_a_connection_that_nobody_holds_is_nobodys(owner: Callable[..., int | None]) -> None:
    # The kernel would say that it is root's.
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        client = socket.create_connection(listener.getsockname())
        taken, _ = listener.accept()
        with closing(taken):
            client.close()
            assert owner(*ends(taken)) is None


def test_the_listener_on_a_peers_port_is_not_the_peer() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        there = listener.getsockname()
        assert asked(socket.AF_INET, there, ("127.0.0.1", 1)) is None


def test_another_programs_connection_is_its_users(owner: Callable[..., int | None]) -> None:
    somebody = 65534 if os.geteuid() == 0 else os.geteuid()  # only root can start it as another user
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        connect = f"exec 3<>/dev/tcp/127.0.0.1/{listener.getsockname()[1]}; read"
        with subprocess.Popen(["bash", "-c", connect], stdin=subprocess.PIPE, user=somebody) as client:
            taken, _ = listener.accept()
            with closing(taken):
                assert owner(*ends(taken)) == somebody
            client.communicate()
