"""One student's submission, which may be broken or hostile, as plain data; none of it is run.

Archives are read in place and never unpacked. tar is parsed here, because ``tarfile`` spends
unbounded time and memory on hostile headers in the Python versions the kit runs on; of ``zipfile``
only the list of contents is used, because it believes the sizes that this list claims.
"""

import hashlib
import os
import re
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from lab3 import STUDENT_FILES
from lab3.errors import LabError
from lab3.runlog import CHECKPOINT_NAME, LOG_NAME

LAB, RUNS, REPORT_NAME = "lab3", "runs", "report.md"
FIXED = {*(f"{LAB}/{name}" for name in STUDENT_FILES), REPORT_NAME}
CLUTTER = {"__MACOSX", ".git", ".venv", "venv", "__pycache__", "node_modules"}  # never looked into
RUN_NAME = re.compile(r"\w[\w .,=+@-]{0,79}")
CHUNK_BYTES = 1 << 18
HEADER_BYTES = 1 << 16  # of one extended header in a tar archive
NAME_LENGTH = 4096
DEPTH = 64
LISTED = 100  # ignored names
SAID = 50  # problems
SHOWN = 120  # characters of a name
AFRESH = "pack lab3/, runs/ and report.md afresh"
DAMAGED = f"is damaged: {AFRESH}"
ONLY = "hand in only lab3/, runs/ and report.md"

# The kinds of entries; what is neither a file nor a folder is called what a problem says of it.
FILE = "file"
FOLDER = "is a folder"
LINK = "is a symbolic link and was not followed"
HARD_LINK = "is a hard link and was not followed: hand in a copy"
SPECIAL = "is not a regular file and was not read"
CLOSED = "is a folder that can't be read"


class SubmissionError(LabError):
    """A submission can't be graded at all; the text names it and what to do."""


class LeftOutError(Exception):
    """One file is left out; the text goes on after its name."""


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, as read and decompressed; ``total`` is all of a tar archive."""

    source: int = 1 << 20
    log: int = 16 << 20
    report: int = 4 << 20
    checkpoint: int = 256 << 20
    total: int = 1 << 30
    entries: int = 10_000
    runs: int = 32


@dataclass(frozen=True)
class Run:
    """What was handed in of a run; the checkpoint is a private copy, not looked into."""

    log: bytes | None = None
    checkpoint: Path | None = None
    checkpoint_sha256: str | None = None


@dataclass(frozen=True)
class Submission:
    """What counts of a submission.

    ``sha256`` identifies the names and bytes of all that was read, however it was packed.
    ``ignored`` and ``problems`` are bounded and safe to print on one line.
    """

    name: str
    sha256: str
    files: Mapping[str, bytes]
    runs: Mapping[str, Run]
    report: bytes | None
    ignored: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """``chunks`` yields a file's bytes, in pieces of bounded size, until it raises or ends."""

    parts: tuple[str, ...]
    kind: str
    chunks: Callable[[], Iterator[bytes]] = field(default=lambda: iter(()), compare=False)


@contextmanager
def open_submission(path: Path, limits: Limits = Limits()) -> Iterator[Submission]:
    """Read a folder or archive; the checkpoints are there until the end of the block.

    Raises SubmissionError when nothing can be graded or when it isn't clear what would be.
    """
    with tempfile.TemporaryDirectory(prefix="lab3-submission-") as private:
        try:
            submission = read(path, limits, Path(private))
        except SubmissionError as error:
            raise SubmissionError(f"{visible(str(path), length=NAME_LENGTH)} {error}") from None
        yield submission


def read(path: Path, limits: Limits, private: Path) -> Submission:
    """Return a submission whose checkpoints lie in a private folder."""
    name = path.name or path.resolve().name
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise SubmissionError("is a symbolic link: name the folder or archive it points to")
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a device may do something
            raise SubmissionError("is neither a folder nor a file: name the folder or archive")
        handle = os.open(path, flags)
    except OSError as error:
        raise SubmissionError(f"can't be read: {error.strerror}: check the path") from None
    except ValueError:  # NUL in the path
        raise SubmissionError("can't be a path: check it") from None
    if stat.S_ISDIR(os.fstat(handle).st_mode):
        try:
            return collect(name, folder_entries(handle, limits), limits, private)
        finally:
            os.close(handle)
    with os.fdopen(handle, "rb") as file, tempfile.TemporaryFile(dir=private) as unpacked:
        before = identity(handle)
        if not stat.S_ISREG(before[0]):
            raise SubmissionError("is neither a folder nor a file: name the folder or archive")
        entries = archive_entries(path, file, unpacked, limits)
        stem = re.sub(r"\.(zip|tar|tgz|tar\.gz)$", "", name, flags=re.IGNORECASE)
        submission = collect(stem, entries, limits, private)
        if identity(handle) != before:
            raise SubmissionError("changed while it was read: try again when it is complete")
    return submission


def identity(handle: int) -> tuple[int, ...]:
    status = os.fstat(handle)
    return status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns


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


def too_large(limits: Limits) -> SubmissionError:
    return SubmissionError(f"holds more than {megabytes(limits.total)}: {ONLY}")


def too_many(limits: Limits) -> SubmissionError:
    return SubmissionError(f"holds more than {limits.entries:,} entries: {ONLY}")


def megabytes(size: int) -> str:
    return f"{size >> 20:,} MB" if size and size % (1 << 20) == 0 else f"{size:,} bytes"


def visible(text: str, instead: str = "?", length: int = SHOWN) -> str:
    """Return a text that can't steer a terminal, break a line or reorder what is beside it."""
    shown = "".join(c if c.isprintable() else instead for c in text[:NAME_LENGTH])
    return shown if len(shown) <= length else shown[: length - 3] + "..."


@lru_cache(maxsize=1 << 16)
def look(part: str) -> str:
    """Return the same for names that look alike or are the same on some system."""
    seen = visible(part, instead="", length=NAME_LENGTH)
    return unicodedata.normalize("NFKC", seen).casefold().rstrip(". ")


def split(name: str) -> tuple[str, ...]:
    """Return the parts of a stored name; raise SubmissionError for one that leads elsewhere.

    Such a name is refused, not skipped: some programs unpack it over a file that counts.
    Backslashes are separators, as old programs on Windows write them.
    """
    if len(name) > NAME_LENGTH:
        raise SubmissionError(
            f"holds a name of more than {NAME_LENGTH:,} characters, {visible(name)!r}: {AFRESH}"
        )
    path = name.replace("\\", "/")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if path.startswith("/") or ".." in parts or "\0" in path or re.match("[A-Za-z]:", path):
        raise SubmissionError(f"holds the unsafe name {visible(name)!r}: {AFRESH}")
    if len(parts) > DEPTH:
        raise SubmissionError(f"holds {visible(name)!r}, more than {DEPTH} folders deep: {ONLY}")
    return parts


@contextmanager
def opened(top: int, names: tuple[str, ...], flags: int) -> Iterator[int]:
    """Open a file or folder from above, part by part, so that no link is followed on the way."""
    flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    handle = os.dup(top)
    try:
        for number, name in enumerate(names, 1):
            on_the_way = os.O_DIRECTORY if number < len(names) else 0
            inner = os.open(name, flags | on_the_way, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def folder_entries(top: int, limits: Limits) -> list[Entry]:
    """List a folder; clutter is named but not looked into."""
    entries: list[Entry] = []
    folders: deque[tuple[str, ...]] = deque([()])
    while folders:
        names = folders.popleft()
        parts = split("/".join(names))
        try:
            with opened(top, names, os.O_DIRECTORY) as handle, os.scandir(handle) as found:
                for item in found:
                    inner = (*names, item.name)
                    if item.is_symlink():
                        entries.append(Entry(split("/".join(inner)), LINK))
                    elif item.is_dir(follow_symlinks=False):
                        if item.name in CLUTTER:
                            entries.append(Entry(split("/".join(inner)), FOLDER))
                        else:
                            folders.append(inner)
                    elif item.is_file(follow_symlinks=False):
                        entries.append(Entry(split("/".join(inner)), FILE, from_disk(top, inner)))
                    else:
                        entries.append(Entry(split("/".join(inner)), SPECIAL))
                    if len(entries) + len(folders) > limits.entries:
                        raise too_many(limits)
            entries.append(Entry(parts, FOLDER))
        except OSError as error:
            if not names:
                raise SubmissionError(f"can't be read: {error.strerror}: check it") from None
            entries.append(Entry(parts, CLOSED))
    return entries


def from_disk(top: int, names: tuple[str, ...]) -> Callable[[], Iterator[bytes]]:
    def chunks() -> Iterator[bytes]:
        try:
            with opened(top, names, 0) as handle:
                before, status = identity(handle), os.fstat(handle)
                if not stat.S_ISREG(status.st_mode):
                    raise LeftOutError(SPECIAL)
                if status.st_nlink > 1:  # of a file that may be someone else's
                    raise LeftOutError(HARD_LINK)
                while piece := os.read(handle, CHUNK_BYTES):
                    yield piece
                if identity(handle) != before:
                    raise LeftOutError("changed while it was read and was left out")
        except OSError as error:
            raise LeftOutError(f"can't be read: {error.strerror}") from None

    return chunks


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
        mode = info.external_attr >> 16
        if info.flag_bits & 0x2041:
            raise SubmissionError("is encrypted: pack it without a password")
        if stat.S_ISLNK(mode):
            kind = LINK
        elif name.endswith(("/", "\\")) or stat.S_ISDIR(mode):
            kind = FOLDER
        else:
            kind = FILE if stat.S_IFMT(mode) in (0, stat.S_IFREG) else SPECIAL
        stop = starts[min(bisect_right(starts, info.header_offset), len(starts) - 1)]
        yield Entry(split(name), kind, from_zip(file, info, raw, stop))


def zip_name(info: zipfile.ZipInfo) -> tuple[bytes, str]:
    """Return a name as stored and as programs show it, of which ``zipfile`` reads not all forms."""
    is_utf8 = info.flag_bits & 0x800
    raw = info.orig_filename.encode("utf-8" if is_utf8 else "cp437")
    position = 0
    while position + 9 <= len(info.extra):
        kind, size, version, crc = struct.unpack_from("<HHBL", info.extra, position)
        if kind == 0x7075 and version == 1 and crc == zlib.crc32(raw):  # Info-ZIP's Unicode path
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


def tar_entries(file: BinaryIO, limits: Limits) -> Iterator[Entry]:
    """List a tar archive; what programs would read differently is refused."""
    kinds = {b"0": FILE, b"\0": FILE, b"7": FILE, b"1": HARD_LINK, b"2": LINK, b"5": FOLDER}
    position, end, count = 0, file.seek(0, os.SEEK_END), 0
    if end > limits.total:
        raise too_large(limits)
    said: dict[bytes, bytes] = {}  # by extended headers, of the next entry
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
            told = {long: text.rstrip(b"\0")} if long else pax_fields(text)
            if any(key.startswith(b"GNU.sparse") for key in told):
                raise SubmissionError("holds a sparse file: pack it without --sparse")
            told[b"=" + code] = b""  # no field can be called that
            if told.keys() & said.keys() or (code == b"g" and told.keys() & {b"path", b"size"}):
                raise SubmissionError(f"names an entry twice: {AFRESH}")
            if code == b"g":
                count += 1
            else:
                said |= told
        else:
            count += 1
            if code in (b"S", b"M", b"D", b"V"):
                raise SubmissionError("is sparse, incremental or in volumes: pack it plainly")
            if b"size" in said:
                size = int(said[b"size"]) if re.fullmatch(rb"\d{1,18}", said[b"size"]) else -1
            if size < 0 or (size and code in (b"1", b"2", b"3", b"4", b"5", b"6")):
                raise SubmissionError(DAMAGED)
            name = said.get(b"path", tar_name(block)).decode("utf-8", "surrogateescape")
            kind = kinds.get(code, SPECIAL)
            if kind == FILE and name.endswith("/"):
                kind = FOLDER
            yield Entry(split(name), kind, partial(span, file, position, size))
            said = {}
        if count > limits.entries:
            raise too_many(limits)
        position += -(-size // 512) * 512
        if position > end:
            raise SubmissionError(f"is cut short: {AFRESH}")
    if said or any(piece.strip(b"\0") for piece in span(file, position, end - position)):
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


def collect(name: str, listed: Iterable[Entry], limits: Limits, private: Path) -> Submission:
    """Find what counts among the entries and read it."""
    problems: list[str] = []
    slots, ignored = choose(listed, limits, problems)
    left = limits.total

    def pieces(entry: Entry, limit: int) -> Iterator[bytes]:
        nonlocal left
        size = 0
        if entry.kind != FILE:
            raise LeftOutError(entry.kind)
        for piece in entry.chunks():
            size += len(piece)
            left -= len(piece)
            if left < 0:
                raise too_large(limits)
            if size > limit:
                raise LeftOutError(f"is larger than {megabytes(limit)} and was not read")
            yield piece

    contents: dict[str, bytes] = {}
    copies: dict[str, Path] = {}
    digests: dict[str, str] = {}
    sizes = {LOG_NAME: limits.log, CHECKPOINT_NAME: limits.checkpoint, REPORT_NAME: limits.report}
    for slot, entry in sorted(slots.items()):
        last = slot.split("/")[-1]
        source = pieces(entry, sizes.get(last, limits.source))
        try:
            if last == CHECKPOINT_NAME:
                copy = private / f"{len(copies)}.pt"  # a name of ours, not the student's
                digests[slot] = save(source, copy)
                copies[slot] = copy
                is_empty = copy.stat().st_size == 0
            else:
                content = b"".join(source)
                digests[slot] = hashlib.sha256(content).hexdigest()
                contents[slot] = content
                is_empty = not content
        except LeftOutError as reason:
            problems.append(f"{slot} {reason}")
        else:
            problems += [f"{slot} is empty"] if is_empty else []
    problems += [f"lab3/{file} is missing" for file in STUDENT_FILES if f"lab3/{file}" not in slots]
    runs = {}
    for run in sorted({slot.split("/")[1] for slot in slots if slot.startswith("runs/")}):
        log, checkpoint = f"runs/{run}/{LOG_NAME}", f"runs/{run}/{CHECKPOINT_NAME}"
        runs[run] = Run(contents.get(log), copies.get(checkpoint), digests.get(checkpoint))
    files = {file: contents[f"lab3/{file}"] for file in STUDENT_FILES if f"lab3/{file}" in contents}
    identity = "".join(f"{slot}\0{digest}\n" for slot, digest in sorted(digests.items()))
    return Submission(
        name=visible(name, instead="", length=80) or "submission",
        sha256=hashlib.sha256(identity.encode()).hexdigest(),
        files=MappingProxyType(files),
        runs=MappingProxyType(runs),
        report=contents.get(REPORT_NAME),
        ignored=bounded(sorted(ignored), LISTED),
        problems=bounded(problems, SAID),
    )


def save(pieces: Iterator[bytes], path: Path) -> str:
    """Write a new file and return its sha256; leave nothing behind that is incomplete."""
    digest = hashlib.sha256()
    try:
        with path.open("xb") as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return digest.hexdigest()


def bounded(texts: list[str], most: int) -> tuple[str, ...]:
    rest = len(texts) - most
    return tuple(texts) if rest <= 0 else (*texts[:most], f"and {rest:,} more")


def choose(
    listed: Iterable[Entry], limits: Limits, problems: list[str]
) -> tuple[dict[str, Entry], set[str]]:
    """Return the entries that count, by what they are for, and the names of the others."""
    entries, ignored = [], set()
    for entry in sorted(listed, key=lambda entry: entry.parts):
        clutter = next((n for n, part in enumerate(entry.parts, 1) if part in CLUTTER), 0)
        if clutter:
            ignored.add(visible("/".join(entry.parts[:clutter])) + "/")
        elif entry.parts:
            entries.append(entry)
    root = find_root(entries)
    depth = len(root)
    is_flat = not any(e.parts[: depth + 1] == (*root, LAB) for e in entries)
    slots: dict[str, Entry] = {}
    chosen: list[Entry] = []
    odd_names: set[str] = set()
    for entry in entries:
        rest = entry.parts[depth:] if entry.parts[:depth] == root else ()
        slot = "/".join(rest)
        if is_flat and slot in STUDENT_FILES:
            slot = f"{LAB}/{slot}"
        is_run = len(rest) == 3 and rest[0] == RUNS and rest[2] in (LOG_NAME, CHECKPOINT_NAME)
        if is_run:
            slot = unicodedata.normalize("NFC", slot)  # macOS takes accents apart
        if slot in FIXED or (is_run and RUN_NAME.fullmatch(slot.split("/")[1])):
            slots[slot] = entry
            chosen.append(entry)
            continue
        if is_run:
            odd_names.add(visible(rest[1]))
        elif entry.kind in (LINK, HARD_LINK, SPECIAL, CLOSED) and (
            rest in ((LAB,), (RUNS,)) or (len(rest) == 2 and rest[0] == RUNS)
        ):
            problems.append(f"{visible(slot)} {entry.kind}")
        if entry.kind != FOLDER:
            ignored.add(visible("/".join(entry.parts)))
    check_unambiguous(entries, chosen)
    if odd_names:
        problems.append(
            f"runs/ holds names that are not plain, such as {min(odd_names)!r}: these runs were "
            "ignored (use letters, digits, '-' and '_')"
        )
    runs = sorted({slot.split("/")[1] for slot in slots if slot.startswith(f"{RUNS}/")})
    if len(runs) > limits.runs:
        problems.append(f"runs/ holds {len(runs):,} runs: only the first {limits.runs} were read")
        late = tuple(f"{RUNS}/{run}/" for run in runs[limits.runs :])
        slots = {slot: entry for slot, entry in slots.items() if not slot.startswith(late)}
    return slots, ignored


def find_root(entries: list[Entry]) -> tuple[str, ...]:
    """Return the shallowest folder that holds ``lab3/``, or else something else that counts.

    Raises SubmissionError when there are several.
    """
    labs, solved, others = set(), set(), set()
    for entry in entries:
        parts = entry.parts
        for number, part in enumerate(parts):
            is_run = parts[:number][-1:] == (RUNS,)  # which may be called lab3
            if part == LAB and not is_run and (number < len(parts) - 1 or entry.kind != FILE):
                labs.add(parts[:number])
        if parts[-1] in STUDENT_FILES and parts[-2:-1] == (LAB,):
            solved.add(parts[:-2])
        if parts[-1] in (*STUDENT_FILES, REPORT_NAME):
            others.add(parts[:-1])
        elif parts[-1] in (LOG_NAME, CHECKPOINT_NAME) and parts[-3:-2] == (RUNS,):
            others.add(parts[:-3])
    roots = labs or others or {()}
    top = min(map(len, roots))
    root, *more = sorted(root for root in roots if len(root) == top)
    if more:
        both = " and ".join(repr(visible("/".join(r))) for r in (root, more[0]))
        raise SubmissionError(f"holds several submissions, in {both}: keep one")
    inner = root
    while inner in labs and inner not in solved:  # the wrapping folder may be called lab3, too
        inner = (*inner, LAB)
    return inner if inner in solved else root


def check_unambiguous(entries: list[Entry], chosen: list[Entry]) -> None:
    """Raise SubmissionError when a file that counts is there twice for someone.

    That is so for equal names, for names that only some systems tell apart, for names that look
    the same, and for a link or file where a folder is.
    """
    seen: dict[tuple[str, ...], tuple[tuple[str, ...], bool]] = {}
    twice: set[tuple[str, ...]] = set()
    for entry in entries:
        looks = tuple(map(look, entry.parts))
        for number in range(1, len(looks) + 1):
            is_folder = number < len(looks) or entry.kind in (FOLDER, CLOSED)
            this = (entry.parts[:number], is_folder)
            if seen.setdefault(looks[:number], this) is not this and (
                not is_folder or seen[looks[:number]] != this
            ):
                twice.add(looks[:number])
    for entry in chosen:
        for number in range(1, len(entry.parts) + 1):
            if tuple(map(look, entry.parts[:number])) in twice:
                raise SubmissionError(
                    f"holds {visible('/'.join(entry.parts[:number]))!r} twice, or beside a name "
                    "that looks the same: keep one"
                )
