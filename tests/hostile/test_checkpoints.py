"""Malicious checkpoints: nothing of them is run, and the sandbox goes on serving."""

import io
import os
import pickle
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from autograder.host.answers import NoAnswerError
from autograder.host.child import Limits
from autograder.host.client import Client
from autograder.host.sandbox import Sandbox
from autograder.inside.questions import Scales
from tests.conftest import SOLVED
from tests.making.alarms import no_longer_than
from tests.making.open_graders import OpenGrader


class Command:
    """Runs a command where it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.function, self.arguments


def saved(value: object, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def repacked(content: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """Return a torch file whose members were changed."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return file.getvalue()


def bomb() -> bytes:
    """Return a torch file whose storage is four gigabytes of zeros, compressed."""
    content = saved({"x": torch.zeros(1 << 20)})
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    packed = bytearray(file.getvalue())
    at = packed.rindex(b"PK\x01\x02", 0, packed.rindex(b"/data/0"))
    packed[at + 24 : at + 28] = struct.pack("<I", 0xFFFFFFF0)  # the size that the list claims
    return bytes(packed)


def with_pickle(data: bytes) -> bytes:
    return repacked(
        saved({"x": torch.zeros(4)}), lambda name, old: data if name.endswith("data.pkl") else old
    )


def nested(depth: int) -> bytes:
    """Return a pickle of lists within lists, which no recursion has to make."""
    return b"\x80\x02" + b"]" * (depth + 1) + b"a" * depth + b"."


def huge_strides() -> bytes:
    """Return a file with a tensor of 64 TB over a storage of one number."""
    return saved({"x": torch.zeros(1).expand(1 << 44)})


def doubled(times: int) -> bytes:
    """Return a pickle of a few bytes that names 2**times tuples, each only once."""
    steps = b"".join(
        b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86q" + bytes([n + 1]) for n in range(times)
    )
    return with_pickle(b"\x80\x02}X\x01\x00\x00\x00x)q\x00" + steps + b"s.")


def compressed_pickle() -> bytes:
    """Return a file whose pickle is 400 MB of nothing, packed into less than one."""
    content, file = saved({"x": torch.zeros(4)}), io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for name in old.namelist():
            is_pickle = name.endswith("data.pkl")
            new.writestr(name, b"\x80\x02" + b"N0" * (200 << 20) if is_pickle else old.read(name))
    return file.getvalue()


def beyond_its_storage() -> bytes:
    """Return a file with a tensor that begins where its storage has ended."""
    content = saved({"x": torch.zeros(4, dtype=torch.int64)})
    return repacked(content, lambda name, old: old[:8] if "/data/" in name else old)


def twice() -> bytes:
    """Return a file that holds its pickle a second time, with another network."""
    file = io.BytesIO(saved({"x": torch.zeros(4)}))
    other = saved({"y": torch.ones(4)})
    with zipfile.ZipFile(io.BytesIO(other)) as old, zipfile.ZipFile(file, "a") as new:
        name = next(name for name in old.namelist() if name.endswith("data.pkl"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the name that is there already
            new.writestr("archive/data.pkl", old.read(name))
    return file.getvalue()


FAILING: dict[str, Callable[[Path], bytes]] = {
    "nothing": lambda _: b"",
    "one byte": lambda _: b"\x80",
    "random bytes": lambda _: os.urandom(100_000),
    "text": lambda _: b"passed" * 1000,
    "a truncated file": lambda _: saved({"x": torch.zeros(1000)})[:-600],
    "half a file": lambda _: saved({"x": torch.zeros(10_000)})[:20_000],
    "os.system": lambda canary: saved({"x": Command(os.system, f"/bin/touch {canary}")}),
    "os.system, legacy": lambda canary: saved(
        {"x": Command(os.system, f"/bin/touch {canary}")}, _use_new_zipfile_serialization=False
    ),
    "a bare pickle": lambda canary: pickle.dumps(Command(os.system, f"/bin/touch {canary}")),
    "os._exit": lambda _: saved({"x": Command(os._exit, 0)}),
    "eval": lambda canary: saved({"x": Command(eval, f"open({str(canary)!r}, 'w')")}),
    "a module of ours": lambda _: with_pickle(b"\x80\x02cautograder.worker\nmain\nK\x03\x88\x86R."),
    "a torch function": lambda _: with_pickle(b"\x80\x02ctorch.hub\nload\n)R."),
    "a script module": lambda _: scripted(),
    "a tensor that takes 64 TB": lambda _: huge_strides(),
    "a claim of four gigabytes": lambda _: bomb(),
    "a pickle packed a thousandfold": lambda _: compressed_pickle(),
    "a tensor beyond its storage": lambda _: beyond_its_storage(),
    "a file of safetensors": lambda _: safetensors.torch.save({"x": torch.zeros(4)}),
    "16 bits": lambda _: saved({"x": torch.zeros(2, dtype=torch.bfloat16)}),
    "truths": lambda _: saved({"x": torch.zeros(2, dtype=torch.bool)}),
    "unsigned 64 bits": lambda _: saved({"x": torch.zeros(2, dtype=torch.uint64)}),
    "a list": lambda _: saved([torch.zeros(1)]),
    "a tensor": lambda _: saved(torch.zeros(1)),
    "a module": lambda _: saved(torch.nn.Linear(2, 2)),
    "deeply nested lists": lambda _: with_pickle(nested(1_000_000)),
    "a pickle that never ends": lambda _: with_pickle(b"\x80\x02" + b"(" * 1_000_000),
    "names as long as books": lambda _: saved({"x" * 5000: torch.zeros(1)}),
    "too many tensors": lambda _: saved({str(n): torch.zeros(1) for n in range(30_000)}),
    "five dimensions": lambda _: saved({"x": torch.zeros(1, 1, 1, 1, 1)}),
    "complex numbers": lambda _: saved({"x": torch.zeros(2, dtype=torch.complex64)}),
    "sparse tensors": lambda _: saved({"x": torch.zeros(2).to_sparse()}),
    "meta tensors": lambda _: saved({"x": torch.zeros(2, device="meta")}),
    "4 bits": lambda _: saved({"x": torch.zeros(2, dtype=torch.float4_e2m1fn_x2)}),
    "8 bits of exponent": lambda _: saved({"x": torch.zeros(2, dtype=torch.float8_e8m0fnu)}),
}


def scripted() -> bytes:
    file = io.BytesIO()
    content = saved({"x": torch.zeros(4)})
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("archive/constants.pkl", b"\x80\x02).")
        new.writestr("archive/code/__torch__.py", b"import os")
    return file.getvalue()


def quantized(scale: float) -> torch.Tensor:
    return torch._make_per_tensor_quantized_tensor(torch.zeros(4, dtype=torch.int8), scale, 0)


HARMLESS: dict[str, Callable[[], bytes]] = {  # read as data, whatever is made of it later
    "scales of nan": lambda: saved({"x": quantized(float("nan"))}),
    "scales of infinity": lambda: saved({"x": quantized(float("inf"))}),
    "numbers that are nan": lambda: saved({"x": torch.full((4,), torch.nan)}),
    "overlapping storage": lambda: saved({"x": torch.zeros(4).expand(4, 4), "y": torch.ones(1)}),
    "one storage for many": lambda: saved(dict.fromkeys(map(str, range(100)), torch.zeros(9))),
    "names with control characters": lambda: saved({"\x1b[2J\x00\u202e": torch.zeros(1)}),
    "names of our own": lambda: saved({"__metadata__": torch.zeros(1)}),
    "numbers for names": lambda: saved({1: torch.zeros(1), None: torch.zeros(1)}),
    "tuples of tuples": lambda: doubled(40),
    "a network in a network": lambda: saved({"x": {"conv1.weight": torch.zeros(1)}}),
    "a parameter": lambda: saved({"x": torch.nn.Parameter(torch.zeros(2))}),
    "an ordered dictionary with more": lambda: saved(torch.nn.Linear(2, 2).state_dict()),
    "a name twice in the zip": lambda: twice(),
    "no numbers at all": lambda: saved({"x": torch.zeros(0, 3), "y": torch.zeros(())}),
    "a packed layer of odd length": lambda: saved({"x": (torch.zeros(2),) * 9}),
    "no tensors": lambda: saved({"x": "passed", "y": [1, 2]}),
    "a legacy file": lambda: saved({"x": torch.zeros(3)}, _use_new_zipfile_serialization=False),
}


def read(sandbox: Sandbox, path: Path) -> str:
    """Return the outcome of reading a checkpoint, and see that the next question is answered."""
    limits = Limits(probe_s=10)
    with no_longer_than(35), Client(SOLVED, sandbox, limits) as client:
        try:
            client.checkpoint(path)
            outcome = "read"
        except NoAnswerError as error:
            outcome = error.outcome
    honest = path.with_name("honest.pt")
    honest.write_bytes(saved({"x": torch.arange(3.0)}))
    with no_longer_than(35), Client(SOLVED, sandbox, limits) as client:
        entries = client.checkpoint(honest).entries
    assert entries["x"].values.tolist() == [0, 1, 2]
    return outcome


@pytest.mark.parametrize("name", FAILING)
def test_a_checkpoint_that_is_none(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    canary, path = tmp_path / "canary", tmp_path / "model.pt"
    path.write_bytes(FAILING[name](canary))
    assert read(sandbox, path) in ("failed", "crashed", "timed_out")
    assert not canary.exists()


COMMANDS = ("os.system", "os.system, legacy", "a bare pickle", "eval")


def mostly(names: Iterable[str], *quick: str) -> pytest.MarkDecorator:
    """Ask with every name, and in the quick part of the suite with these."""
    marked = [pytest.param(n, marks=[] if n in quick else [pytest.mark.slow]) for n in names]
    return pytest.mark.parametrize("name", marked)


@mostly(COMMANDS, "eval")
def test_a_command_is_run_where_pickles_are_loaded(open_grader: OpenGrader, name: str) -> None:
    canary = open_grader.writable / "made"
    walls = ("data only", "filter", "Landlock", "limits")
    open_grader.checkpoint_without(walls, FAILING[name](canary))
    assert canary.exists()
    canary.unlink()


@mostly([*FAILING][1:], "a list", "complex numbers")
def test_a_checkpoint_that_is_none_breaks_a_grader_that_expects_none(
    open_grader: OpenGrader, name: str
) -> None:
    content = FAILING[name](open_grader.writable / "made")
    with pytest.raises(RuntimeError):
        open_grader.checkpoint_without(("errors", "answers"), content)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_strange_checkpoint_is_data(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(HARMLESS[name]())
    assert read(sandbox, path) in ("read", "failed", "crashed")


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_checkpoint(sandbox: Sandbox, tmp_path: Path, seed: int) -> None:
    path = tmp_path / "model.pt"
    content = bytearray(saved({f"layer{n}": torch.zeros(4, 4) for n in range(4)}))
    for step in range(1 + seed):
        at = zlib.crc32(f"{seed} {step}".encode()) % len(content)
        content[at] ^= 0xFF
    path.write_bytes(content)
    assert read(sandbox, path) in ("read", "failed", "crashed")


def test_students_code_takes_no_part(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(saved({"x": torch.zeros(2)}))
    patch = b"\n\nimport torch\ntorch.load = lambda *_, **__: {'x': torch.ones(2)}\n"
    files = {name: content + patch for name, content in SOLVED.items()}
    with no_longer_than(35), Client(files, sandbox, Limits()) as client:
        client.ask(Scales(((0.25, None),)))
        assert client.checkpoint(path).entries["x"].values.tolist() == [0, 0]
