"""The export for hardware: a C program of integers that computes what PyTorch computes."""

import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.ao.nn.quantized as nnq
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lab3.data import ImageData
from lab3.engines import exact_engines
from tests.making.networks import quantized
from tools.hardware.arithmetic import Ties
from tools.hardware.export import export
from tools.hardware.program import (
    Addition,
    Average,
    Convolution,
    Grid,
    Linear,
    Program,
    Quantize,
    Relu,
)
from tools.hardware.proof import TIES
from tools.hardware.tracing import trace

STRICT = (
    *("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic", "-O2"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
)
IMAGES = 100
FILES = ("model.npz", "images.bin")


@pytest.fixture(scope="module")
def network(digits: ImageData) -> Iterator[nn.Module]:
    """A converted network, on an engine of this CPU that is exact."""
    previous, torch.backends.quantized.engine = (
        torch.backends.quantized.engine,
        exact_engines()[0],
    )
    yield quantized(digits)
    torch.backends.quantized.engine = previous


@pytest.fixture(scope="module")
def program(network: nn.Module, digits: ImageData) -> Program:
    ties = TIES.get(torch.backends.quantized.engine, "even")
    return trace(network, digits.normalise(digits.test.images[:1]), ties)


@pytest.fixture(scope="module")
def exported(program: Program, digits: ImageData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the export and the program made from it; tests only read it."""
    folder = tmp_path_factory.mktemp("exported")
    export(program, digits, folder, IMAGES, "ptq")
    build(folder)
    return folder


@pytest.fixture(scope="module")
def unusual() -> Program:
    """What the lab's networks have not: other zero points and kernels, left shifts, repetitions."""
    generator = torch.Generator().manual_seed(3)

    def product(out: int, *size: int, largest: int) -> dict[str, Tensor]:
        weight = torch.randint(-largest, largest + 1, (out, *size), generator=generator)
        bias = torch.randint(-24 * largest, 24 * largest, (out,), generator=generator)
        return {"weight": weight.to(torch.int8), "bias": bias.int(), "float_bias": bias.double()}

    pixels, wide, fine, coarse = Grid(6, 37), Grid(4, 201), Grid(5, 0), Grid(2, 180)
    return Program(
        (
            Quantize("quant", (), pixels, (3, 32, 32)),
            Convolution(
                "a*/b",
                (0,),
                wide,
                (8, 16, 32),
                (pixels,),
                False,
                **product(8, 3, 3, 3, largest=127),
                weight_shift=8,
                stride=(2, 1),
                padding=(2, 1),
                dilation=(2, 1),
            ),
            Relu("", (1,), wide, (8, 16, 32), (wide,), True),
            # The same layer again, from another grid; its accumulators move to the left.
            Convolution(
                "a*/b",
                (1,),
                fine,
                (8, 16, 32),
                (wide,),
                False,
                **product(8, 8, 1, 1, largest=1),
                weight_shift=0,
            ),
            Addition("sum", (1, 3), coarse, (8, 16, 32), (wide, fine), False),
            Addition("sum", (4, 2), coarse, (8, 16, 32), (coarse, wide), True),
            Average("mean", (5,), coarse, (8, 1, 1), (coarse,), False, pixels=512),
            Linear(
                "fc",
                (6,),
                Grid(3, 100),
                (10,),
                (coarse,),
                False,
                **product(10, 8, 1, 1, largest=127),
                weight_shift=7,
            ),
        ),
        "even",
        (3, 32, 32),
    )


def build(folder: Path, source: str = "model.c") -> None:
    """Compile a file of an export so strictly that any undefined behaviour ends the program."""
    if shutil.which("cc") is None:
        reason = "no C compiler: install gcc or clang, so that there is a command cc"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    subprocess.run(["cc", *STRICT, source, "-o", "model"], cwd=folder, check=True)


def run(program: Path, *files: str, cwd: Path, fails: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [program / "model", *files], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == fails, done.stderr
    return done


def lines(logits: Tensor) -> str:
    return "".join(" ".join(map(str, row)) + "\n" for row in logits.tolist())


@torch.inference_mode()
def test_the_program_prints_the_very_logits_of_pytorch(
    network: nn.Module, digits: ImageData, exported: Path
) -> None:
    outputs: list[Tensor] = []
    assert isinstance(network.fc, nnq.Linear)
    handle = network.fc.register_forward_hook(lambda _, __, output: outputs.append(output))
    network(digits.normalise(digits.test.images[:IMAGES]))
    handle.remove()
    expected = lines(outputs[0].int_repr().int() - outputs[0].q_zero_point())
    assert len(set(expected.splitlines())) > IMAGES / 2
    assert run(exported, *FILES, cwd=exported).stdout == expected
    assert (exported / "logits.txt").read_text() == expected


@pytest.mark.parametrize("ties", ["even", "away"])
def test_the_program_rounds_additions_as_it_is_told(
    ties: Ties, program: Program, unusual: Program, digits: ImageData, tmp_path: Path
) -> None:
    other_ties: Ties = "away" if ties == "even" else "even"
    # Another data set's name: its channels are normalised differently.
    cases = {"usual": (program, digits), "unusual": (unusual, replace(digits, name="cifar10"))}
    for name, (given_program, data) in cases.items():
        told, other = (replace(given_program, ties=rule) for rule in (ties, other_ties))
        export(told, data, tmp_path / name, 20, "*/ a run")
        build(tmp_path / name)
        images = data.normalise(data.test.images[:20])
        logits = told.run(images)
        assert not torch.equal(logits, other.run(images))
        expected = lines(logits.int() - told.steps[-1].grid.zero_point)
        assert run(tmp_path / name, *FILES, cwd=tmp_path / name).stdout == expected


def test_the_programs_source_has_no_floating_point_numbers(exported: Path) -> None:
    source = (exported / "model.c").read_text()
    assert not re.search(r"\b(float|double|\d*\.\d+f?|\d+\.\d*)\b", uncommented(source))
    assert max(map(len, source.splitlines())) <= 100


def uncommented(source: str) -> str:
    return re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)


def test_the_readmes_commands_find_no_difference(exported: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(exported, tmp_path / "export")
    (folder / "model").unlink()
    text = (folder / "README.md").read_text()
    commands = re.findall(r"^    ((?:cc|\./model) .*)$", text, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        done = subprocess.run(
            command, shell=True, cwd=folder, capture_output=True, text=True, check=True
        )
        assert done.stdout == done.stderr == ""


def damaged(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "change", [damaged, lambda c: c[:-1], lambda c: c + b"\0", lambda c: c[:0], lambda c: c[::-1]]
)
def test_another_model_is_refused(change, exported: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "other.npz").write_bytes(change((exported / "model.npz").read_bytes()))
    done = run(exported, "other.npz", str(exported / "images.bin"), cwd=tmp_path, fails=2)
    message = "other.npz is not the file that this program was generated for\n"
    assert (done.stdout, done.stderr) == ("", message)


def test_files_that_cannot_be_read_are_named(exported: Path, tmp_path: Path) -> None:
    model, images = (str(exported / name) for name in FILES)
    for files in ((model, "none.bin"), ("none.npz", images), (model, "."), (".", images)):
        done = run(exported, *files, cwd=tmp_path, fails=1)
        missing = next(file for file in files if file not in (model, images))
        assert done.stderr.startswith(f"{missing} can't be read: ")
    assert "usage: " in run(exported, model, cwd=tmp_path, fails=1).stderr


@pytest.mark.parametrize("kept", [1, 3 * 32 * 32 * 2 - 1])
def test_truncated_images_are_an_error(kept: int, exported: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.bin").write_bytes((exported / "images.bin").read_bytes()[:kept])
    done = run(exported, str(exported / "model.npz"), "cut.bin", cwd=tmp_path, fails=1)
    assert done.stderr == "cut.bin ends within an image\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_logits_that_cannot_be_written_are_an_error(exported: Path, tmp_path: Path) -> None:
    image = tmp_path / "image.bin"
    image.write_bytes((exported / "images.bin").read_bytes()[: 3 * 32 * 32])
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            ["./model", "model.npz", image],
            cwd=exported,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("the logits can't be written: ")


def test_exporting_twice_gives_the_same_bytes(
    program: Program, digits: ImageData, exported: Path, tmp_path: Path
) -> None:
    files = export(program, digits, tmp_path, IMAGES, "ptq")
    assert sorted(tmp_path.iterdir()) == sorted(files)
    for file in files:
        assert file.read_bytes() == (exported / file.name).read_bytes()
    with zipfile.ZipFile(tmp_path / "model.npz") as archive:
        dates = {member.date_time for member in archive.infolist()}
    assert dates == {(1980, 1, 1, 0, 0, 0)}


def test_numpy_opens_the_model(network: nn.Module, program: Program, exported: Path) -> None:
    with np.load(exported / "model.npz") as model:
        arrays = dict(model)
    layers = {n: m for n, m in network.named_modules() if isinstance(m, nnq.Conv2d | nnq.Linear)}
    assert len(layers) == 18
    for name, layer in layers.items():
        weight, array = layer.weight().int_repr(), arrays.pop(f"{name}.weight")
        assert (array.dtype, array.ndim) == (np.int8, 4)
        assert (array.reshape(weight.shape) == weight.numpy()).all()
        bias = arrays.pop(f"{name}.bias")
        step = next(step for step in program.steps if step.layer == name)
        scale = program.steps[step.inputs[0]].grid.shift
        real = bias * 2.0**-scale * layer.weight().q_scale()
        assert bias.dtype == np.dtype("<i4")
        assert (real == layer.bias().detach().double().numpy()).all()
    table, steps = arrays.pop("input_table"), arrays.pop("steps")
    assert not arrays
    assert (table.shape, table.dtype) == ((3, 256), np.uint8)
    assert steps["name"].tolist() == [step.layer for step in program.steps]
    assert steps["operation"].tolist() == [step.operation for step in program.steps]
    addition = steps[steps["name"] == "layer3.0.skip_add_relu"][0]
    expected = next(s for s in program.steps if s.layer == addition["name"])
    assert isinstance(expected, Addition)
    assert tuple(addition["inputs"]) == expected.inputs
    assert tuple(addition["alignment"]) == expected.alignment
    assert addition["shift"] == expected.shift
    assert addition["low"] == addition["zero_point"] == 128


SHIFTS = """
#define main other_main
#include "model.c"
#undef main

int main(void)
{
    long n;
    int amount, ties;

    while (scanf("%ld %d %d", &n, &amount, &ties) == 3)
        printf("%ld\\n", (long)shift_right((int32_t)n, amount, ties ? AWAY : EVEN));
    return 0;
}
"""


@pytest.fixture(scope="module")
def shifts(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shifts")
    shutil.copy(exported / "model.c", folder)
    (folder / "shifts.c").write_text(SHIFTS)
    build(folder, "shifts.c")
    return folder


@st.composite
def cases(draw: st.DrawFn) -> tuple[int, int, bool]:
    """A number, by how much it shifts, and whether halves go away from zero; none overflows."""
    amount = draw(st.integers(-12, 30))
    largest = 2**31 - 1 - 2 ** (amount - 1) if amount > 0 else (2**31 - 1) >> -amount
    whole = st.integers(-largest, largest)
    halves = st.integers(-20, 20).map(lambda n: n * 2**amount // 2 if amount > 0 else n)
    near = halves.filter(lambda n: abs(n) <= largest)
    return draw(st.one_of(whole, near)), amount, draw(st.booleans())


@settings(max_examples=20)
@example([(-(2**31) + 2**29 + 1, 30, False), (2**31 - 1 - 2**29, 30, True)])
@given(st.lists(cases(), min_size=50, max_size=100))
def test_a_shift_rounds_to_nearest(shifts: Path, numbers: list[tuple[int, int, bool]]) -> None:
    text = "".join(f"{n} {amount} {int(away)}\n" for n, amount, away in numbers)
    done = subprocess.run(
        [shifts / "model"], input=text, capture_output=True, text=True, check=True
    )
    for (n, amount, away), line in zip(numbers, done.stdout.split(), strict=True):
        exact = Fraction(n) / Fraction(2) ** amount
        rounded = (1 if n >= 0 else -1) * floor(abs(exact) + Fraction(1, 2))
        assert int(line) == (rounded if away else round(exact))
