"""An INT8 network for hardware people: its numbers, a C program of integers, what it must print."""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray
from torch import Tensor

from lab3.data import ImageData
from lab3.log.runlog import write_atomically
from tools.hardware.layout import Row, rows
from tools.hardware.program import Product, Program

Arrays = dict[str, NDArray[Any]]
BATCH = 100  # images that are computed at once


def export(program: Program, data: ImageData, folder: Path, images: int, run: str) -> list[Path]:
    """Write a network as numbers and as a C program into a folder; return the files.

    The program's lines for the first ``images`` test images stand in ``logits.txt``. ``run`` is
    the name of the network's run.
    """
    steps = rows(program)
    arrays = arrays_of(program, steps, input_table(program, data))
    model = npz(arrays)
    pixels = data.test.images[:images].contiguous()
    context = {
        "run": "".join(c if c.isprintable() and c != "*" else "_" for c in run),  # for a comment
        "program": program,
        "steps": steps,
        "operations": {step.operation for step in steps},
        "model_bytes": len(model),
        "model_crc32": f"{zlib.crc32(model):#010x}",
        "offsets": offsets(model, arrays),
        "data": data.name,
        "images": len(pixels),
    }
    contents = {
        "model.npz": model,
        "model.c": render("model.c.j2", context),
        "images.bin": pixels.numpy().tobytes(),
        "logits.txt": logit_lines(program, data, pixels),
        "README.md": render("readme.md.j2", context),
    }
    for name, content in contents.items():
        write(folder / name, content)
    return [folder / name for name in contents]


def input_table(program: Program, data: ImageData) -> Tensor:
    """Return what the input quantizer makes of each pixel value: (C, 256) uint8.

    Normalisation and quantization treat each pixel alone, so that a table is all of both.
    """
    channels = program.input_shape[0]
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    normalised = data.normalise(values.repeat(1, channels, 1, 1))  # (1, C, 16, 16)
    return program.steps[0].compute([normalised], program.ties).reshape(channels, 256)


def arrays_of(program: Program, steps: list[Row], table: Tensor) -> Arrays:
    """Return the arrays of ``model.npz`` by name, all little-endian."""
    arrays = {"input_table": table.numpy(), "steps": steps_array(steps)}
    for row, step in zip(steps, program.steps, strict=True):
        if isinstance(step, Product):
            arrays[f"{row.name}.weight"] = step.weight.contiguous().numpy()
            arrays[f"{row.name}.bias"] = step.bias.numpy().astype("<i4")
    return arrays


def steps_array(steps: list[Row]) -> NDArray[Any]:
    """Return rows as records; where a step has one input, the number of the second is -1."""
    longest = max(len(row.name) for row in steps)
    triples = ("input_shape", "shape")
    pairs = ("inputs", "input_zero_points", "alignment", "kernel", "stride", "padding", "dilation")
    numbers = ("shift", "zero_point", "low", "output_shift", "bits")
    types = {"name": f"<U{longest}", "operation": "<U11"}
    types |= dict.fromkeys(triples, "3<i4") | dict.fromkeys(pairs, "2<i4")
    types |= dict.fromkeys(numbers, "<i4")
    records = []
    for row in steps:
        record = vars(row) | {
            "inputs": (*row.inputs, -1, -1)[:2],
            "input_zero_points": (*row.input_zero_points, 0, 0)[:2],
        }
        records.append(tuple(record[name] for name in types))
    return np.array(records, list(types.items()))


def npz(arrays: Arrays) -> bytes:
    """Return arrays as an uncompressed ``.npz`` file, the same bytes for the same arrays."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
    return file.getvalue()


def offsets(model: bytes, arrays: Arrays) -> dict[str, int]:
    """Return at which byte of an ``.npz`` file the data of each array begins."""
    positions = {}
    with zipfile.ZipFile(io.BytesIO(model)) as archive:
        for member in archive.infolist():
            # Name and extra field follow 30 bytes of the local header, whose last are their sizes.
            sizes = struct.unpack_from("<HH", model, member.header_offset + 26)
            end = member.header_offset + 30 + sum(sizes) + member.file_size
            name = member.filename.removesuffix(".npy")
            positions[name] = end - arrays[name].nbytes
    return positions


def logit_lines(program: Program, data: ImageData, pixels: Tensor) -> bytes:
    """Return what the C program must print: a line of integer logits per image."""
    zero_point = program.steps[-1].grid.zero_point
    lines = [
        " ".join(str(q - zero_point) for q in logits)
        for batch in pixels.split(BATCH)
        for logits in program.run(data.normalise(batch)).flatten(1).tolist()
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def write(path: Path, content: bytes) -> None:
    write_atomically(path, lambda file: file.write(content))


def render(template: str, context: Mapping[str, object]) -> bytes:
    """Return a file made from the template of this folder."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # neither C nor Markdown
    )
    environment.filters["braces"] = lambda values: f"{{{', '.join(map(str, values))}}}"
    return environment.get_template(template).render(context).encode()
