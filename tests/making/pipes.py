"""Python values through pipes between a test and a process that it has started."""

import pickle
import struct
from typing import IO, Any

LENGTH = struct.Struct("<Q")


def write(file: IO[bytes], value: object) -> None:
    data = pickle.dumps(value)
    file.write(LENGTH.pack(len(data)) + data)
    file.flush()


def read(file: IO[bytes]) -> Any:
    """Return the next value; raise EOFError when the other side has closed."""
    head = file.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    return pickle.loads(file.read(LENGTH.unpack(head)[0]))
