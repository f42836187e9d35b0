"""Frames on the wire: an event's JSON framed once for a WebSocket, once for server-sent events."""

import struct
from collections.abc import Callable
from typing import Any

import msgspec

from clawft.domain import topics
from clawft.domain.events import Frame

_TEXT = 0x81  # the last and only piece of a text message


def text_frame(payload: bytes) -> bytes:
    """One unmasked WebSocket text message (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", _TEXT, size) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", _TEXT, 126, size) + payload
    return struct.pack("!BBQ", _TEXT, 127, size) + payload


def message(kind: str, **members: Any) -> bytes:
    """The JSON of a frame that answers a client."""
    return msgspec.json.encode({"type": kind, **members})


def server_sent(frame: Frame) -> bytes:
    """A frame as a server-sent event; numbered ones can be resumed after with ``Last-Event-ID``."""
    if frame.seq is not None:
        return b"id: %d\ndata: %s\n\n" % (frame.seq, frame.body)
    if topics.is_gap(frame):
        return b"event: gap\ndata: %s\n\n" % frame.body
    return b"event: chunk\ndata: %s\n\n" % frame.body


class Once:
    """Does the wrapping of a frame once, though thousands of readers ask for it one after the other."""

    def __init__(self, wrap: Callable[[Frame], bytes]) -> None:
        self._wrap = wrap
        self._frame: Frame | None = None
        self._data = b""

    def __call__(self, frame: Frame) -> bytes:
        if frame is not self._frame:
            self._data, self._frame = self._wrap(frame), frame
        return self._data


as_text = Once(lambda frame: text_frame(frame.body))
as_server_sent = Once(server_sent)
