"""Messages over a pipe: four bytes of length, then msgpack. For both ends."""

import asyncio
import os
import struct
import sys
import threading
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, Generic, TypeVar

import msgspec

from clawft.domain.voice_wire import Said

M = TypeVar("M")
LONGEST = 32 << 20
"""Bytes one message may have: 30 s of sound is 3 MB at 48 kHz."""

_LENGTH = struct.Struct("<I")
_encoder = msgspec.msgpack.Encoder()


def packed(message: Said) -> bytes:
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


async def read(stream: asyncio.StreamReader) -> bytes | None:
    """The next message's body; None: the other end is gone."""
    try:
        (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
        return await stream.readexactly(length) if length <= LONGEST else None
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


class ChildEnd(Generic[M]):
    """A child's end: reads from its standard input, writes to what was its standard output.

    Writing never waits: a thread does it, and beyond ``most`` bytes the oldest is thrown away and counted.
    """

    def __init__(self, kind: object, *, most: int = 4 << 20) -> None:
        # ALSA and others write to standard output as they like; so they get standard error for it.
        self._out = os.dup(1)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        self._in: BinaryIO = os.fdopen(os.dup(0), "rb", buffering=0)
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(kind)
        self._waiting: deque[bytes] = deque()
        self._size, self._most = 0, most
        self._more = threading.Condition()
        self.dropped = 0
        """Bytes that nobody read in time."""
        threading.Thread(target=self._write, name="writes", daemon=True).start()

    def messages(self) -> Iterator[M]:
        """Until the host is gone."""
        while (head := self._exactly(_LENGTH.size)) is not None:
            body = self._exactly(_LENGTH.unpack(head)[0])
            if body is None:
                return
            yield self._decoder.decode(body)

    def say(self, message: Said) -> None:
        data = packed(message)
        with self._more:
            self._waiting.append(data)
            self._size += len(data)
            while self._size > self._most and len(self._waiting) > 1:
                lost = self._waiting.popleft()
                self._size -= len(lost)
                self.dropped += len(lost)
            self._more.notify()

    def _exactly(self, count: int) -> bytes | None:
        pieces = bytearray()
        while len(pieces) < count:
            piece = self._in.read(count - len(pieces))
            if not piece:
                return None
            pieces += piece
        return bytes(pieces)

    def _write(self) -> None:
        while True:
            with self._more:
                while not self._waiting:
                    self._more.wait()
                data = self._waiting.popleft()
                self._size -= len(data)
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self._out, view) :]
            except OSError:
                os._exit(0)  # the host is gone, and with it the reason to be
