"""Archives, read in place and never unpacked: .zip, .tar and .tar.gz as lists of entries.

tar is parsed here, because ``tarfile`` spends unbounded time and memory on hostile headers in the
Python versions the kit runs on; of ``zipfile`` only the list of contents is used, because it
believes the sizes that this list claims.
"""

import os
import re
import stat
import struct
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from time import gmtime
from typing import BinaryIO

from autograder.submissions.entries import (
    AFRESH,
    CHUNK_BYTES,
    DAMAGED,
    FILE,
    FOLDER,
    HARD_LINK,
    LINK,
    ONLY,
    SPECIAL,
    Entry,
    Limits,
    Split,
    SubmissionError,
    split,
    too_large,
    too_many,
    visible,
)

ENCRYPTED = 0x2041  # flags of a zip entry
LAST_S = 1 << 33  # of a time
HEADER_BYTES = 1 << 16  # of one extended header in a tar archive


def archive_entries(
    path: Path, file: BinaryIO, unpacked: BinaryIO, limits: Limits
) -> Iterable[Entry]:
    """Tell by its content what an archive is; a decompressed tar goes to ``unpacked``."""
    magic = file.read(4)
    if magic in (b"PK\3\4", b"PK\5\6"):
        return zip_entries(file, limits)
    if magic[:2] == b"\x1f\x8b":
        size = 0
        for piece in inflated(span(file, 0, file.seek(0, os.SEEK_END)), zlib.MAX_WBITS | 16):
            size += len(piece)
            if size > limits.total:
                raise too_large(limits)
            unpacked.write(piece)
        file = unpacked
    file.seek(0)
    if is_tar_header(file.read(512)):
        return tar_entries(file, limits)
    if not magic:
        raise SubmissionError(f"is empty: {AFRESH}")
    if path.suffix == ".py":
        raise SubmissionError("is a single file: name the folder that holds lab3/, or its archive")
    raise SubmissionError(f"is neither .zip nor .tar nor .tar.gz: {AFRESH} as one of these")


def span(file: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    """Yield a stretch of a file; raise SubmissionError when it ends before."""
    end = start + size
    while start < end:
        file.seek(start)
        if not (piece := file.read(min(CHUNK_BYTES, end - start))):
            raise SubmissionError(DAMAGED)
        start += len(piece)
        yield piece


def inflated(compressed: Iterator[bytes], window: int) -> Iterator[bytes]:
    """Decompress a stream that must end where its container ends."""
    inflate = zlib.decompressobj(window)
    while not inflate.eof:
        data = inflate.unconsumed_tail or next(compressed, b"")
        try:
            piece = inflate.decompress(data, CHUNK_BYTES)
        except zlib.error:
            raise SubmissionError(DAMAGED) from None
        if piece:
            yield piece
        elif not data:
            raise SubmissionError(f"is cut short: {AFRESH}")
    if inflate.unused_data or next(compressed, b""):
        raise SubmissionError(f"goes on behind its end: {AFRESH}")


class Bounded:
    """A file that ``zipfile`` can't read in one piece, so that a huge list is not believed."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.seek, self.tell, self.close = file.seek, file.tell, file.close
        self.file, self.size = file, size

    def read(self, size: int | None = -1, /) -> bytes:
        limit = self.size + 1 if size is None or size < 0 else size
        if limit > self.size + 1 or len(piece := self.file.read(limit)) > self.size:
            raise SubmissionError(f"holds a longer list of contents than expected: {ONLY}")
        return piece


def zip_entries(file: BinaryIO, limits: Limits) -> Iterator[Entry]:
    bound = max(limits.entries * 512, 1 << 17)  # zipfile looks for the end in the last 64 KB
    try:
        with zipfile.ZipFile(Bounded(file, bound)) as archive:
            infos, end = archive.infolist(), archive.start_dir
    except SubmissionError:
        raise
    except Exception:  # damage makes zipfile raise nearly anything
        raise SubmissionError(DAMAGED) from None
    if len(infos) > limits.entries:
        raise too_many(limits)
    file.seek(end)
    ends = file.read().count(b"PK\5\6")
    starts = sorted({info.header_offset for info in infos} | {end})
    if starts[0] != 0 or starts[-1] != end or ends != 1:
        # Parts of two archives, of which programs choose differently.
        raise SubmissionError(f"is more than one archive: {AFRESH}")
    for info in infos:
        raw, name = zip_name(info)
        if info.flag_bits & ENCRYPTED:
            raise SubmissionError("is encrypted: pack it without a password")
        kind = zip_kind(info, name)
        stop = starts[min(bisect_right(starts, info.header_offset), len(starts) - 1)]
        chunks = from_zip(file, info, raw, stop)
        yield Entry(split(name), kind, chunks, info.file_size, time=info.date_time)


def zip_kind(info: zipfile.ZipInfo, name: str) -> str:
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        return LINK
    if name.endswith(("/", "\\")) or stat.S_ISDIR(mode):
        return FOLDER
    return FILE if stat.S_IFMT(mode) in (0, stat.S_IFREG) else SPECIAL


def zip_name(info: zipfile.ZipInfo) -> tuple[bytes, str]:
    """Return a name as stored and as programs show it, of which ``zipfile`` reads not all forms."""
    is_utf8 = info.flag_bits & 0x800
    raw = info.orig_filename.encode("utf-8" if is_utf8 else "cp437")
    position, own_crc = 0, zlib.crc32(raw)
    while position + 9 <= len(info.extra):
        kind, size, version, crc = struct.unpack_from("<HHBL", info.extra, position)
        if kind == 0x7075 and version == 1 and crc == own_crc:  # Info-ZIP's Unicode path
            name = info.extra[position + 9 : position + 4 + size]
            return raw, name.decode("utf-8", "surrogateescape")
        position += 4 + size
    try:
        return raw, raw.decode()  # macOS writes UTF-8 without saying so
    except UnicodeDecodeError:
        return raw, info.orig_filename


def from_zip(
    file: BinaryIO, info: zipfile.ZipInfo, raw: bytes, stop: int
) -> Callable[[], Iterator[bytes]]:
    """Read an entry whose bytes must lie before ``stop`` and be what the list of contents says."""

    def chunks() -> Iterator[bytes]:
        file.seek(info.header_offset)
        header = file.read(30)
        if len(header) < 30 or header[:4] != b"PK\3\4":
            raise SubmissionError(DAMAGED)
        flags, method = struct.unpack_from("<HH", header, 6)
        start = info.header_offset + 30 + sum(lengths := struct.unpack_from("<HH", header, 26))
        if file.read(lengths[0]) != raw or method != info.compress_type or flags & 1:
            name = visible(info.orig_filename)
            raise SubmissionError(f"contradicts itself about {name!r}: {AFRESH}")
        if start + info.compress_size > stop:
            raise SubmissionError(f"holds entries that overlap: {AFRESH}")
        pieces = span(file, start, info.compress_size)
        if method == zipfile.ZIP_DEFLATED:
            pieces = inflated(pieces, -zlib.MAX_WBITS)
        elif method != zipfile.ZIP_STORED:
            raise SubmissionError(f"is compressed in an unusual way: {AFRESH} as an ordinary .zip")
        size = crc = 0
        for piece in pieces:
            size, crc = size + len(piece), zlib.crc32(piece, crc)
            yield piece
        if (size, crc) != (info.file_size, info.CRC):
            raise SubmissionError(DAMAGED)

    return chunks


def is_tar_header(block: bytes) -> bool:
    if len(block) < 512 or not any(block):
        return False
    return sum(block) - sum(block[148:156]) + 8 * ord(" ") == tar_number(block[148:156])


def tar_number(text: bytes) -> int:
    if text[0] == 0x80:
        return int.from_bytes(text[1:])
    digits = text.split(b"\0")[0].strip()
    return int(digits, 8) if re.fullmatch(b"[0-7]+", digits) else 0 if not digits else -1


def tar_entries(file: BinaryIO, limits: Limits, split: Split = split) -> Iterator[Entry]:
    """List a tar archive; what programs would read differently is refused."""
    kinds = {b"0": FILE, b"\0": FILE, b"7": FILE, b"1": HARD_LINK, b"2": LINK, b"5": FOLDER}
    position, end, count = 0, file.seek(0, os.SEEK_END), 0
    if end > limits.total:
        raise too_large(limits)
    extended: dict[bytes, bytes] = {}  # by extended headers, of the next entry
    while any(block := b"".join(span(file, position, 512))):
        code, size = block[156:157], tar_number(block[124:136])
        position += 512
        if not is_tar_header(block) or size < 0:
            raise SubmissionError(DAMAGED)
        if code in (b"x", b"X", b"g", b"L", b"K"):
            if size > HEADER_BYTES:
                raise SubmissionError(f"holds a header of more than {HEADER_BYTES:,} bytes")
            text = b"".join(span(file, position, size))
            long = {b"L": b"path", b"K": b"linkpath"}.get(code)
            records = {long: text.rstrip(b"\0")} if long else pax_fields(text)
            if any(key.startswith(b"GNU.sparse") for key in records):
                raise SubmissionError("holds a sparse file: pack it without --sparse")
            records[b"=" + code] = b""  # no field can be called that
            if records.keys() & extended.keys() or (
                code == b"g" and records.keys() & {b"path", b"size"}
            ):
                raise SubmissionError(f"names an entry twice: {AFRESH}")
            if code == b"g":
                count += 1
            else:
                extended |= records
        else:
            count += 1
            if code in (b"S", b"M", b"D", b"V"):
                raise SubmissionError("is sparse, incremental or in volumes: pack it plainly")
            if b"size" in extended:
                size = (
                    int(extended[b"size"]) if re.fullmatch(rb"\d{1,18}", extended[b"size"]) else -1
                )
            name = extended.get(b"path", tar_name(block)).decode("utf-8", "surrogateescape")
            kind = kinds.get(code, SPECIAL)
            if kind == FILE and name.endswith("/"):
                kind = FOLDER
            # What follows is then read over by some programs, and taken for entries by others.
            is_bare = kind == FOLDER or code in (b"1", b"2", b"3", b"4", b"6")
            if size < 0 or (size and is_bare):
                raise SubmissionError(DAMAGED)
            time = gmtime(max(0, min(tar_number(block[136:148]), LAST_S)))[:6]
            chunks = partial(span, file, position, size)
            yield Entry(split(name), kind, chunks, size, position, time=time)
            extended = {}
        if count > limits.entries:
            raise too_many(limits)
        position += -(-size // 512) * 512
        if position > end:
            raise SubmissionError(f"is cut short: {AFRESH}")
    if extended or any(piece.strip(b"\0") for piece in span(file, position, end - position)):
        raise SubmissionError(f"goes on behind its end: {AFRESH}")


def tar_name(block: bytes) -> bytes:
    name, prefix = (text.split(b"\0")[0] for text in (block[:100], block[345:500]))
    return prefix + b"/" + name if block[257:263] == b"ustar\0" and prefix else name


def pax_fields(text: bytes) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    position = 0
    while position < len(text):
        match = re.compile(rb"(\d{1,6}) ([^=\n]{1,256})=").match(text, position)
        end = position + int(match[1]) if match else 0
        if not match or not match.end() < end <= len(text) or text[end - 1 : end] != b"\n":
            raise SubmissionError(DAMAGED)
        fields[match[2]] = text[match.end() : end - 1]
        position = end
    return fields
