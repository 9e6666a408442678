"""Archives byte by byte, as no library writes them: names, links, bombs."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from tests.making.submissions import Files


@dataclass(frozen=True)
class Raw:
    """An entry of a .zip, with its name as stored, and flags and mode that say anything."""

    name: bytes
    content: bytes = b""
    flags: int = 0
    mode: int = 0o100644
    deflated: bool = False
    extra: bytes = b""  # behind the name, before the content alone
    date: int = 0x5C21  # in DOS's way: the first of January 2026


def raw_zip(entries: Sequence[Raw]) -> bytes:
    """Return a .zip of entries."""
    body, contents = b"", b""
    for entry in entries:
        data = zlib.compress(entry.content, 9)[2:-4] if entry.deflated else entry.content
        fields = struct.pack(
            "<HHHHHLLLHH",
            *(20, entry.flags, 8 * entry.deflated, 0, entry.date, zlib.crc32(entry.content)),
            *(len(data), len(entry.content), len(entry.name), 0),
        )
        more = struct.pack("<HHHLL", 0, 0, 0, entry.mode << 16, len(body))
        contents += b"PK\1\2" + struct.pack("<H", 0x031E) + fields + more + entry.name
        local = fields[:-2] + struct.pack("<H", len(entry.extra))
        body += b"PK\3\4" + local + entry.name + entry.extra + data
    count = len(entries)
    end = struct.pack("<HHHHLLH", 0, 0, count, count, len(contents), len(body), 0)
    return body + contents + b"PK\5\6" + end


def plain_zip(files: Files) -> bytes:
    """Return a .zip of files, compressed."""
    return raw_zip(
        [Raw(name.encode(), content, 0x800, deflated=True) for name, content in files.items()]
    )


def nested(files: Files, depth: int) -> bytes:
    """Return a .zip in a .zip in a .zip."""
    content = plain_zip(files)
    for _ in range(depth):
        content = plain_zip({"again.zip": content})
    return content


def overlapping(files: Files) -> bytes:
    """Return a .zip whose first entry claims the bytes of all others as well."""
    data = bytearray(raw_zip([Raw(name.encode(), content) for name, content in files.items()]))
    first = next(iter(files))
    start, end = 30 + len(first), data.index(b"PK\1\2")
    at = end
    for offset, value in ((16, zlib.crc32(data[start:end])), (20, end - start), (24, end - start)):
        struct.pack_into("<L", data, at + offset, value)
    return bytes(data)


def rar(files: Files) -> bytes:
    """Return a .rar of the fifth kind, uncompressed."""

    def number(value: int) -> bytes:
        digits = b""
        while value >= 0x80:
            digits, value = digits + bytes([value & 0x7F | 0x80]), value >> 7
        return digits + bytes([value])

    def block(header: bytes, data: bytes = b"") -> bytes:
        sized = number(len(header)) + header
        return struct.pack("<L", zlib.crc32(sized)) + sized + data

    archive = b"Rar!\x1a\x07\x01\x00" + block(number(1) + number(0) + number(0))
    for name, content in files.items():
        path = name.encode()
        header = number(2) + number(2) + number(len(content)) + number(4) + number(len(content))
        header += number(0o100644) + struct.pack("<L", zlib.crc32(content)) + number(0) + number(1)
        archive += block(header + number(len(path)) + path, content)
    return archive + block(number(5) + number(0) + number(0))
