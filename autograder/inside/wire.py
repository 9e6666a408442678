"""Frames between the trusted side and a worker: a JSON header and a safetensors body.

A frame is ``MAGIC``, two little-endian 32-bit lengths, the header and the body. The reader says
how large both may be and how long it waits, and trusts nothing that it has not checked.
"""

import json
import os
import select
import struct
import time
from typing import Any

MAGIC = b"L3F1"
PREFIX = struct.Struct("<4sII")
HEADER_BYTES = 4 << 20
CHUNK_BYTES = 1 << 20


class FrameError(Exception):
    """The other side broke the protocol, went away or took too long."""


class FrameTimeoutError(FrameError):
    """The deadline has passed."""


class PeerGoneError(FrameError):
    """The other side closed its end."""


def pack(header: dict[str, Any], body: bytes = b"") -> list[memoryview]:
    """Return the pieces of a frame, ready to be written one after the other."""
    text = json.dumps(header, allow_nan=False).encode()
    pieces = [PREFIX.pack(MAGIC, len(text), len(body)) + text, body]
    return [memoryview(piece) for piece in pieces if piece]


def write_frame(fd: int, header: dict[str, Any], body: bytes = b"") -> None:
    """Write a frame to a blocking descriptor."""
    for piece in pack(header, body):
        while len(piece):
            piece = piece[os.write(fd, piece[:CHUNK_BYTES]) :]


class FrameReader:
    """Puts a frame together from whatever arrives.

    Raises FrameError as soon as what has arrived can't become a frame within the limits.
    """

    def __init__(self, header_bytes: int = HEADER_BYTES, body_bytes: int = 0) -> None:
        self.header_bytes, self.body_bytes = header_bytes, body_bytes
        self.buffer = bytearray()
        self.lengths: tuple[int, int] | None = None

    @property
    def missing(self) -> int:
        """How many bytes may be read next without reading past the frame."""
        if self.lengths is None:
            return PREFIX.size - len(self.buffer)
        return PREFIX.size + sum(self.lengths) - len(self.buffer)

    def feed(self, data: bytes) -> bool:
        """Take bytes, at most ``missing``, and tell whether the frame is complete."""
        self.buffer += data
        if self.lengths is None and len(self.buffer) >= PREFIX.size:
            magic, header, body = PREFIX.unpack_from(self.buffer)
            if magic != MAGIC:
                raise FrameError("what arrived is not a frame")
            if header > self.header_bytes or body > self.body_bytes:
                raise FrameError(f"a frame of {header:,} + {body:,} bytes is larger than allowed")
            self.lengths = header, body
        return self.missing == 0

    @property
    def frame(self) -> tuple[bytes, bytes]:
        """The complete frame's header and body."""
        assert self.lengths is not None
        begin = PREFIX.size + self.lengths[0]
        return bytes(self.buffer[PREFIX.size : begin]), bytes(memoryview(self.buffer)[begin:])


def read_frame(fd: int, body_bytes: int) -> tuple[dict[str, Any], bytes]:
    """Read a frame from a trusted writer's descriptor; raise PeerGoneError at its end."""
    reader = FrameReader(body_bytes=body_bytes)
    while True:
        data = os.read(fd, min(reader.missing, CHUNK_BYTES))
        if not data:
            raise PeerGoneError("the other side has gone")
        if reader.feed(data):
            header, body = reader.frame
            return json.loads(header), body


def seconds_left(deadline: float) -> float:
    """Return the time until a ``time.monotonic()`` deadline; raise FrameTimeoutError after it."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise FrameTimeoutError("no answer in time")
    return left


def wait(read: list[int], write: list[int], deadline: float) -> tuple[list[int], list[int]]:
    """Return the descriptors that are ready; raise FrameTimeoutError at the deadline."""
    poll = select.poll()  # unlike select(), it takes descriptors above 1024
    for fd in read:
        poll.register(fd, select.POLLIN)
    for fd in write:
        poll.register(fd, select.POLLOUT)
    ready = poll.poll(seconds_left(deadline) * 1000)
    seconds_left(deadline)
    return (
        [fd for fd, event in ready if fd in read and event],
        [fd for fd, event in ready if fd in write and event],
    )
