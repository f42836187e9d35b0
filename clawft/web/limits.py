"""Limits: how much one client, and all of them, may take up."""

import msgspec

KIB = 1024
MIB = 1024 * 1024


class Limits(msgspec.Struct, frozen=True):
    """Every bound of the web layer, in bytes, seconds and counts."""

    header_bytes: int = 16 * KIB
    header_seconds: float = 60.0
    """A connection that sends no whole request head for so long is closed; so is an idle one."""
    body_bytes: int = MIB
    body_seconds: float = 30.0
    drained_bytes: int = 8 * MIB
    """A refused body of up to this size is read and thrown away: its sender gets to read the refusal."""
    connections: int = 1024
    """Requests under way and idle keep-alive connections. Sockets are counted apart."""
    sockets: int = 1200
    sockets_per_token: int = 256
    topics_per_socket: int = 64
    frame_bytes: int = 128 * KIB
    """One frame from a client."""
    frames_per_second: float = 50.0
    frames_at_once: int = 100
    queue_frames: int = 256
    """Frames that may wait for one client."""
    queue_bytes: int = 896 * KIB
    """Bytes that may wait for one client, the stream's buffer included; with its overhead below 1 MB."""
    send_buffer: int = 256 * KIB
    """SO_SNDBUF: the kernel would otherwise hide the first 4 MiB that a stalled client has not read."""
    patience: float = 10.0
    """Seconds a client may take to catch up before it is cut off."""
    ping_seconds: float = 25.0
    pong_seconds: float = 10.0
