"""Random bytes and random damage: nothing but a refusal is raised."""

import gzip
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.submissions.entries import SubmissionError
from tests.making.submissions import ARCHIVES, PACKS, PLAIN, SMALL, Files, checked, read


def survives(data: bytes) -> None:
    """Hand in a file; a result must be fit to be shown, and nothing but a refusal may be raised."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "fuzz"
        path.write_bytes(data)
        shown: tuple[str, ...]
        try:
            submission = read(path, SMALL)
            shown = (*submission.ignored, *submission.problems)
        except SubmissionError as error:
            shown = (str(error),)
    assert all(map(str.isprintable, shown))


@given(st.sampled_from([b"", b"PK\3\4", b"PK\5\6", b"\x1f\x8b\x08\0"]), st.binary(max_size=2000))
@settings(max_examples=150)
def test_random_bytes_are_harmless(magic: bytes, rest: bytes) -> None:
    survives(magic + rest)


@given(st.sampled_from(ARCHIVES), st.data())
@settings(max_examples=400)
def test_damaged_archives_are_harmless(name: str, data: st.DataObject) -> None:
    content = bytearray(VALID[name])
    places = st.integers(0, len(content) - 1)
    for place, value in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        content[place] = value
    if data.draw(st.booleans()):
        start, end = sorted(data.draw(st.tuples(places, places)))
        content[start:end] = data.draw(st.sampled_from([b"", bytes(content[start:end]) * 2]))
    survives(bytes(content))
    if name in ("tar", "gnu"):
        survives(gzip.compress(bytes(content), 1))


@given(st.lists(st.tuples(st.integers(0, 511), st.integers(0, 255)), min_size=1, max_size=6))
@settings(max_examples=150)
def test_damaged_tar_headers_with_good_checksums_are_harmless(
    changes: list[tuple[int, int]],
) -> None:
    header = bytearray(VALID["tar"][:512])
    for place, value in changes:
        header[place] = value
    survives(checked(header) + VALID["tar"][512:])


def valid_archives() -> Files:
    with tempfile.TemporaryDirectory() as scratch:
        return {name: PACKS[name](PLAIN, Path(scratch) / name).read_bytes() for name in ARCHIVES}


VALID = valid_archives()
