"""The questions that a worker answers about a student's code, each with the model of its answer.

Both ends of the wire read this. A question is one whole experiment; its answer is plain data and
tensors.
"""

from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter

from autograder.inside.values import (
    MEGABYTE,
    Answer,
    Dtype,
    Line,
    Name,
    Number,
    Question,
    RaisedError,
    StudentFile,
    Values,
    Whole,
)


class FunctionPlaces(Answer):
    """File and line of each function of the student, by its qualified name."""

    places: dict[Name, tuple[StudentFile, Line]]


@dataclass(frozen=True)
class Places(Question[FunctionPlaces]):
    """Where the functions that students write begin, as far as their files can be imported."""


class ScaleResult(Answer):
    value: Number | None = None
    error: RaisedError | None = None


class ScaleResults(Answer):
    """One result a call."""

    results: Annotated[list[ScaleResult], Field(max_length=1000)]


@dataclass(frozen=True)
class Scales(Question[ScaleResults]):
    """What ``scale_approximate`` returns for each (scale, max_shift_amount or None)."""

    calls: tuple[tuple[Number, int | None], ...]


class RangeScales(Answer):
    """What ``calculate_qparams`` gives for each range."""

    scales: Annotated[list[Number], Field(max_length=100)]
    zero_points: Annotated[list[Whole], Field(max_length=100)]


@dataclass(frozen=True)
class Ranges(Question[RangeScales]):
    """Scale and zero point for each (least value, greatest value, type) that an observer saw."""

    observed: tuple[tuple[Number, Number, Dtype], ...]


ModuleName = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9_.]*$")]
FunctionalUses = Annotated[
    list[tuple[ModuleName, Literal["add", "add_relu"]]], Field(max_length=100)
]
# Scale and zero point of a module's output, by the name of the module.
Grids = tuple[tuple[Name, Number, int], ...]


@dataclass(frozen=True)
class Case:
    """How a module is tried: with how many images, of which size, in train or in eval mode."""

    batch: int
    size: int
    is_training: bool


class CaseOutputs(Answer):
    """One output a case."""

    outputs: Annotated[list[Values], Field(max_length=20)]


@dataclass(frozen=True)
class Block(Question[CaseOutputs]):
    """One bottleneck in FP32: its output (B, 4*channels, H, W) in each case, in their order."""

    in_channels: int
    channels: int
    stride: int
    seed: int
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Network(Question[CaseOutputs]):
    """The network's own forward in FP32: its logits (B, num_classes) in each case.

    Each stage is two plain convolutions of ours.
    """

    num_classes: int
    width: int
    seed: int
    cases: tuple[Case, ...]


class GradientRun(Answer):
    """A block's output, and the gradients of a weighted sum of it, by parameter and ``input``."""

    output: Values
    gradients: dict[Name, Values]


@dataclass(frozen=True)
class Gradients(Question[GradientRun]):
    """What reaches the weights and the input of a bottleneck, in float64 and in eval mode."""

    in_channels: int
    channels: int
    stride: int
    seed: int


@dataclass(frozen=True)
class NetworkGradients(Question[GradientRun]):
    """What reaches the weights and the input of the network, its stages plain, in float64."""

    num_classes: int
    width: int
    seed: int


class AdditionRun(Answer):
    """The sum in FP32, and the integers of the INT8 addition unless that raised.

    ``functionals`` are those that were used, as (name, operation), and ``int8_functionals`` those
    of the INT8 addition.
    """

    output: Values
    functionals: FunctionalUses
    int8_functionals: FunctionalUses = Field(default_factory=list)
    integers: Values | None = None
    error: RaisedError | None = None


@dataclass(frozen=True)
class Addition(Question[AdditionRun]):
    """``add_relu`` alone, in FP32 while observed and then in INT8; ``forward`` takes no part."""

    channels: int
    seed: int


class Int8Run(Answer):
    """What an INT8 module returned, as floats, or what it raised.

    ``crossings`` are how often floats became integers, and integers floats.
    """

    output: Values | None = None
    returns_integers: bool = False
    crossings: tuple[Whole, Whole] = (0, 0)
    error: RaisedError | None = None


class Int8NetworkRun(Int8Run):
    """How often forward calls quant and dequant, where they stand, and what comes in INT8."""

    stubs: tuple[int, int, Literal["never", "later", "first"], Literal["never", "earlier", "last"]]


@dataclass(frozen=True)
class Int8Block(Question[Int8Run]):
    """One bottleneck between stubs of ours, converted as it is, with activations on given grids."""

    in_channels: int
    channels: int
    stride: int
    seed: int
    grids: Grids


@dataclass(frozen=True)
class Int8Network(Question[Int8NetworkRun]):
    """The network's own forward in INT8, with two plain convolutions of ours a stage."""

    num_classes: int
    width: int
    seed: int
    batch: int
    grids: Grids


@dataclass(frozen=True)
class Int8Logits(Question[Int8Run]):
    """The whole network, fused and converted with activations on given grids."""

    layers: tuple[int, ...]
    num_classes: int
    width: int
    seed: int
    batch: int
    grids: Grids


class FusedLayer(Answer):
    """What a convolution's module computes, and what those of its BatchNorm and ReLU still do.

    ``gamma`` and ``beta`` are the gradients of its BatchNorm's weight and bias in train mode.
    ``rounded`` is what its module computes, fused for QAT, once its weight is behind FakeQuantize.
    """

    front: Values
    rest: Values
    gamma: Values | None = None
    beta: Values | None = None
    rounded: Values | None = None


class FusedBlock(Answer):
    """A fused block: its layers tried alone, and the integers of its two paths in INT8."""

    layers: dict[Name, FusedLayer]
    main_path: Values | None = None
    shortcut: Values | None = None


@dataclass(frozen=True)
class BlockFusion(Question[FusedBlock]):
    """One bottleneck fused by itself for PTQ (eval mode) or QAT (train mode).

    For PTQ it is converted at the given grids, and its modules are called in the handout's order:
    ``forward`` takes no part.
    """

    in_channels: int
    channels: int
    stride: int
    seed: int
    is_qat: bool
    grids: Grids


class FusedStem(Answer):
    """A network's stem, fused: tried alone in FP32, and in INT8 unless it was fused for QAT."""

    layer: FusedLayer
    integers: Values | None = None


@dataclass(frozen=True)
class StemFusion(Question[FusedStem]):
    """The network fused for PTQ or QAT, with blocks of ours that have nothing to fuse."""

    num_classes: int
    width: int
    seed: int
    is_qat: bool = False


class FusedNetwork(Answer):
    """A fused network: its output unless forward raised, and its layers tried alone.

    ``in_eval_mode`` is the output that it has there, when it was fused for QAT.
    """

    output: Values | None
    in_eval_mode: Values | None = None
    layers: dict[Name, FusedLayer]
    integers: dict[Name, Values]  # of the INT8 layers


@dataclass(frozen=True)
class Fusion(Question[FusedNetwork]):
    """The network fused for PTQ (eval mode) or QAT (train mode), each convolution tried alone.

    For PTQ it is also converted, all activations on one grid, and tried again.
    """

    layers: tuple[int, ...]
    num_classes: int
    width: int
    seed: int
    is_qat: bool = False


class FusionOutputs(Answer):
    """The network's output before fusing, unless forward raised, and that of its fused layers."""

    before: Values | None
    layers: Values


@dataclass(frozen=True)
class Outputs(Question[FusionOutputs]):
    """What a network computes before fusing, and its fused layers without its ``forward``."""

    layers: tuple[int, ...]
    num_classes: int
    width: int
    seed: int


class Qparams(Answer):
    """Scale and zero point of a module's output, and of its weight when it has one."""

    scale: Number
    zero_point: Whole
    per_tensor: bool | None = None
    weight_scale: Number | None = None
    weight_zero_point: Whole | None = None


class Weights(Answer):
    """The integers of an INT8 layer's weight, and its bias."""

    weight: Values
    bias: Values | None = None


class Converted(Answer):
    """An INT8 network: qparams by module, the integers of each layer tried alone, its output."""

    qparams: Annotated[dict[Name, Qparams], Field(max_length=2000)]
    weights: Annotated[dict[Name, Weights], Field(max_length=2000, default_factory=dict)]
    layers: dict[Name, Values]
    output: Values | None = None
    error: RaisedError | None = None  # of the forward pass


@dataclass(frozen=True)
class Ptq(Question[Converted]):
    """The network quantized after training with the student's observer, each layer tried alone."""

    layers: tuple[int, ...]
    num_classes: int
    width: int
    seed: int


class TrainedLayer(Answer):
    """A convolution after training: its numbers, its BatchNorm's, and its output when tried.

    ``fake_scale`` is that of its FakeQuantize.
    """

    weight: Values
    output: Values
    bias: Values | None = None
    gamma: Values | None = None
    beta: Values | None = None
    mean: Values | None = None
    variance: Values | None = None
    fake_scale: Number | None = None


class Trained(Answer):
    """A network after quantization-aware training, and the INT8 network that it became."""

    convolutions: dict[Name, TrainedLayer]
    losses: Annotated[list[Number], Field(max_length=100)]
    converted: Converted


@dataclass(frozen=True)
class Qat(Question[Trained]):
    """Quantization-aware training: some steps, then each convolution alone, then conversion."""

    layers: tuple[int, ...]
    num_classes: int
    width: int
    seed: int
    steps: int


class StoredTensor(Answer):
    """An entry of a checkpoint, integers where it is quantized; ``scales`` are per channel."""

    values: Values
    scale: Number | None = None
    zero_point: Whole | None = None
    axis: Whole | None = None
    scales: Values | None = None


class Checkpoint(Answer):
    entries: Annotated[dict[Name, StoredTensor], Field(max_length=20_000)]


@dataclass(frozen=True)
class CheckpointFile(Question[Checkpoint]):
    """A saved ``state_dict`` as data: no class of it but tensors is ever built."""

    answer_bytes: ClassVar[int] = 256 * MEGABYTE

    content: bytes


KINDS: dict[str, type[Question[Any]]] = {kind.__name__: kind for kind in Question.__subclasses__()}
# Made once, before a worker's children are: each takes some milliseconds.
ADAPTERS: dict[str, TypeAdapter[Question[Any]]] = {n: TypeAdapter(k) for n, k in KINDS.items()}


def pack(question: Question[Any]) -> tuple[dict[str, Any], bytes]:
    """Return a question as JSON and bytes."""
    body: bytes = getattr(question, "content", b"")
    name = type(question).__name__
    arguments = ADAPTERS[name].dump_python(question, mode="json", exclude={"content"})
    return {"kind": name, "arguments": arguments}, body


def unpack(header: dict[str, Any], body: bytes) -> Question[Any]:
    """Return the question that ``pack`` took apart."""
    kind = KINDS[header["kind"]]
    content = {"content": body} if any(f.name == "content" for f in fields(kind)) else {}
    return ADAPTERS[header["kind"]].validate_python(header["arguments"] | content)
