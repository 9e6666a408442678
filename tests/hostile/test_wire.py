"""Whatever bytes arrive, a reader says FrameError and a client NoAnswerError, and nothing else."""

import json
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.host.answers import NoAnswerError
from autograder.host.child import Child, Ending, Limits
from autograder.host.client import Client
from autograder.inside import questions, wire
from autograder.inside.values import Question, RaisedError
from tests.making import switches
from tests.making.alarms import no_longer_than

SHAPE = ((1, 1, 1, 1), 10, 8, 1)
CASES = (questions.Case(2, 8, False),)
ASKED: dict[str, Question[Any]] = {
    type(question).__name__: question
    for question in (
        questions.Places(),
        questions.Scales(((0.5, None),)),
        questions.Block(16, 8, 1, 1, CASES),
        questions.Network(10, 8, 1, CASES),
        questions.Gradients(16, 8, 1, 1),
        questions.Addition(8, 1),
        questions.Fusion(*SHAPE),
        questions.Ptq(*SHAPE),
        questions.Qat(*SHAPE, steps=1),
        questions.CheckpointFile(b"x"),
    )
}
QUICK = Limits(probe_s=0.3)
BODY_BYTES = 4096


class FakeSandbox:
    """Gives children that have said everything already."""

    def __init__(self, said: bytes, is_gone: bool) -> None:
        self.said, self.is_gone = said, is_gone
        self.peers: list[socket.socket] = []
        self.anomalies = 0

    def fork(self, _files: dict[str, bytes], limits: Limits) -> Child:
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        os.close(write)
        theirs.sendall(self.said)
        if self.is_gone:
            theirs.shutdown(socket.SHUT_WR)
        self.peers.append(theirs)
        return Child(self, 1, ours, read, limits)

    def end(self, _pid: int, _grace_s: float) -> Ending:
        return Ending("was ended by signal 9", 0.1, 1 << 20)

    def used_s(self, _pid: int) -> None:
        return None

    def close(self) -> None:
        for peer in self.peers:
            peer.close()


@contextmanager
def client_of(said: bytes, is_gone: bool = True) -> Iterator[Client]:
    sandbox = FakeSandbox(said, is_gone)
    try:
        with no_longer_than(20), Client({}, sandbox, QUICK) as client:  # type: ignore[arg-type]
            yield client
    finally:
        sandbox.close()


def frame(header: bytes, body: bytes = b"") -> bytes:
    return wire.PREFIX.pack(wire.MAGIC, len(header), len(body)) + header + body


def answer(value: Any, **more: Any) -> bytes:
    return json.dumps({"id": 1, "answer": value, **more}).encode()


def ask(said: bytes, kind: str, is_gone: bool = True) -> str:
    """Return the outcome of a question, or ``answered``."""
    with client_of(said, is_gone) as client:
        try:
            client.ask(ASKED[kind])
        except NoAnswerError as error:
            return error.outcome
    return "answered"


SCALARS = (
    st.none() | st.booleans() | st.floats() | st.text(max_size=8)
    | st.integers(-(10**30), 10**30)
    | st.sampled_from(["0x1p0", "0x1p99999", "nan", "-inf", "", "0x", 10**400])
)  # fmt: skip
KEYS = st.sampled_from(
    ["id", "answer", "x", *{
        name for kind in questions.KINDS.values() for name in kind.model().model_fields
    }, *RaisedError.model_fields, *questions.Qparams.model_fields]
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)
POSITIONS = st.integers(-1, 2) | SCALARS
CONVERTED = st.fixed_dictionaries(
    {
        "qparams": st.dictionaries(KEYS, st.fixed_dictionaries(
            {"scale": SCALARS, "zero_point": SCALARS}, optional={"weight_scale": SCALARS}
        ), max_size=2),
        "layers": st.dictionaries(KEYS, POSITIONS, max_size=2),
    },
    optional={"output": POSITIONS},
)  # fmt: skip
SHAPED = {  # answers that are nearly right
    "Places": st.fixed_dictionaries({"places": st.dictionaries(KEYS, VALUES, max_size=2)}),
    "Scales": st.fixed_dictionaries(
        {"results": st.lists(st.fixed_dictionaries({}, optional={"value": VALUES}), max_size=2)}
    ),
    "Block": st.fixed_dictionaries({"outputs": st.lists(POSITIONS, max_size=2)}),
    "Gradients": st.fixed_dictionaries({
        "output": POSITIONS, "gradients": st.dictionaries(KEYS, POSITIONS, max_size=2),
    }),
    "Addition": st.fixed_dictionaries({
        "output": POSITIONS, "functionals": st.lists(VALUES, max_size=2),
    }),
    "Fusion": st.fixed_dictionaries({
        "output": POSITIONS,
        "layers": st.dictionaries(KEYS, st.fixed_dictionaries(
            {"front": POSITIONS, "rest": POSITIONS}), max_size=2),
        "integers": st.dictionaries(KEYS, POSITIONS, max_size=2),
    }),
    "Ptq": CONVERTED,
    "Qat": st.fixed_dictionaries({
        "converted": CONVERTED, "losses": st.lists(SCALARS, max_size=2),
        "convolutions": st.dictionaries(KEYS, st.fixed_dictionaries(
            {"weight": POSITIONS, "output": POSITIONS}, optional={"fake_scale": SCALARS}
        ), max_size=2),
    }),
    "CheckpointFile": st.fixed_dictionaries(
        {"entries": st.dictionaries(KEYS, st.fixed_dictionaries(
            {"values": POSITIONS},
            optional={"scale": SCALARS, "zero_point": SCALARS, "axis": SCALARS}
        ), max_size=2)}
    ),
}  # fmt: skip
DTYPES = ["F32", "F64", "F16", "BF16", "I8", "U8", "I64", "U64", "BOOL", "F8_E4M3", "F8_E5M2",
          "F8_E8M0", "F4", "F6_E2M3", "C64", "x"]  # fmt: skip
BODIES = st.binary(max_size=40) | st.builds(
    lambda entries, data: (lambda text: struct.pack("<Q", len(text)) + text + data)(
        json.dumps(entries).encode()
    ),
    st.dictionaries(
        st.text(max_size=4),
        st.fixed_dictionaries({
            "dtype": st.sampled_from(DTYPES),
            "shape": st.lists(st.integers(0, 3) | st.integers(-1, 1 << 64), max_size=6),
            "data_offsets": st.tuples(st.integers(0, 64), st.integers(0, 64)),
        }),
        max_size=3,
    ),
    st.binary(max_size=64),
)  # fmt: skip
many = settings(max_examples=150, derandomize=True, suppress_health_check=list(HealthCheck))


@many
@given(st.binary(max_size=200), st.lists(st.integers(1, 50), max_size=50), st.booleans())
def test_a_reader_takes_any_bytes(data: bytes, pieces: list[int], has_magic: bool) -> None:
    reader = wire.FrameReader(header_bytes=100, body_bytes=100)
    rest = wire.MAGIC + data if has_magic else data
    try:
        for size in [*pieces, *[50] * 10]:
            part = rest[: min(size, reader.missing)]
            rest = rest[len(part) :]
            if not part or reader.feed(part):
                break
            assert reader.missing <= wire.PREFIX.size + 200
    except wire.FrameError:
        return
    assert len(reader.buffer) <= wire.PREFIX.size + 200


@many
@given(st.binary(max_size=300), st.sampled_from(sorted(ASKED)))
def test_a_client_takes_any_bytes(said: bytes, kind: str) -> None:
    assert ask(said, kind) == "crashed"


@many
@given(VALUES, st.sampled_from(sorted(ASKED)))
def test_a_client_takes_any_header(header: Any, kind: str) -> None:
    said = json.dumps(header).encode()
    assert ask(frame(said), kind) == "crashed"


@pytest.mark.parametrize("kind", SHAPED)
@many
@given(st.data())
def test_a_client_takes_any_answer(kind: str, data: st.DataObject) -> None:
    header = answer(data.draw(SHAPED[kind]))
    assert ask(frame(header), kind) in ("answered", "crashed")


@many
@given(BODIES)
def test_a_client_takes_any_body(body: bytes) -> None:
    assert ask(frame(answer({"outputs": [0]}), body), "Network") in ("answered", "crashed")


NO_FRAMES = [
    b"",
    b"L3F1",
    os.urandom(1 << 12),
    frame(b"")[:-1],
    frame(b""),
    frame(b"null"),
    frame(b"[]"),
    frame(b"\xff\xfe"),
    frame(b"{" * 10_000),
    frame(b'{"id": 1, "answer": ' + b"[" * 50_000),
    frame(b'{"id": ' + b"9" * 50_000 + b"}"),
    frame(b'{"id": 1.5, "answer": {}}'),
    frame(b'{"id": "1", "answer": {"places": {"x": 1}}}'),
    frame(answer({"places": {}}, id=2)),
    frame(answer({"places": {}}, id=True, more=1)),
    frame(answer({"places": {}}, error=None, passed=True)),
    frame(b'{"id": 1, "answer": {"places": NaN}}'),
    wire.PREFIX.pack(wire.MAGIC, 0xFFFFFFFF, 0),
    wire.PREFIX.pack(wire.MAGIC, 2, 0xFFFFFFFF) + b"{}",
    frame(answer({"places": {}}), b"x" * 7),
    frame(answer({"places": {}}), struct.pack("<Q", 1 << 63) + b"{}"),
]


@pytest.mark.parametrize("said", NO_FRAMES, ids=range(len(NO_FRAMES)))
def test_frames_that_are_none(said: bytes) -> None:
    assert ask(said, "Places") == "crashed"


@pytest.mark.parametrize("said", NO_FRAMES, ids=range(len(NO_FRAMES)))
def test_each_breaks_a_client_that_expects_none(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    switches.SWITCHES["answers"](monkeypatch)
    try:
        outcome = ask(said, "Places")
    except Exception as error:
        outcome = f"the grader's error: {error}"
    assert "the grader's error" in outcome


@pytest.mark.parametrize("said", [b"", b"L3", frame(answer({"places": {}}))[:-1]])
def test_frames_that_never_end(said: bytes) -> None:
    assert ask(said, "Places", is_gone=False) == "timed_out"


def test_without_limits_they_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    switches.SWITCHES["time"](monkeypatch)
    with pytest.raises(KeyboardInterrupt, match="it hangs"):
        ask(b"L3", "Places", is_gone=False)


def test_an_answer_larger_than_allowed() -> None:
    reader = wire.FrameReader(header_bytes=10, body_bytes=BODY_BYTES)
    with pytest.raises(wire.FrameError, match="larger than allowed"):
        reader.feed(wire.PREFIX.pack(wire.MAGIC, 10, BODY_BYTES + 1))
