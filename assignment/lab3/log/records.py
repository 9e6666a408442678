"""What a run log says: one model a line of ``runs/<name>/run.jsonl``.

These models are the contract between the lab's commands and everything that reads logs.
Accuracies are fractions, names in ``_s`` are seconds and in ``_bytes`` are bytes.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
Name = Annotated[str, Field(max_length=200)]
Role = Literal["weight", "activation", "addition"]  # an addition: of a residual block
Scheme = Literal["fp32", "int8-per-tensor", "int8-per-channel"]
RunKind = Literal["train", "ptq", "qat"]
TITLES: dict[RunKind, str] = {"train": "FP32", "ptq": "PTQ", "qat": "QAT"}  # of runs, by their kind


def require_event(schema: dict[str, Any]) -> None:
    """Make the schema ask for the field that tells the models apart, as the reader does."""
    if "event" in schema["properties"]:
        schema["required"] = ["event", *schema.get("required", [])]


class Record(BaseModel):
    """What all models share: unknown fields and numbers that are not finite are errors."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        json_schema_extra=require_event,
        defer_build=True,  # a command that reads no log doesn't wait for its models
    )


class Hyperparameters(Record):
    """Everything that decides how a network is trained."""

    epochs: int = Field(60, ge=1, description="passes over the training images")
    batch_size: int = Field(128, ge=1, description="images a step")
    optimizer: Literal["sgd", "adamw"] = "sgd"
    learning_rate: float = Field(0.1, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1, description="of SGD; AdamW's first beta")
    weight_decay: float = Field(5e-4, ge=0)
    scheduler: Literal["cosine", "multistep", "constant"] = "cosine"
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    augmentation: Literal["none", "crop", "crop-flip", "autoaugment"] = "autoaugment"
    seed: int = Field(0, ge=0, lt=10_000)


class DataRecord(Record):
    """The data set that a run used: number of images per split, and what identifies them."""

    name: str
    train: int
    validation: int
    test: int
    fingerprint: Sha256


class Environment(Record):
    """Where a run took place."""

    python: str
    torch: str
    torchvision: str
    platform: str
    processor: str
    device: str
    threads: int
    processes: int = 1


class Baseline(Record):
    """The FP32 run that a quantized run started from."""

    name: str
    checkpoint_sha256: Sha256


class Variant(Record):
    """What a run that is only made for comparison does otherwise than the lab's PTQ and QAT."""

    max_shift_amount: int = Field(8, ge=0, le=30)
    is_fused: bool = True


class Start(Record):
    """The first line of a log: everything needed to do the run again."""

    event: Literal["start"] = "start"
    version: Literal[1] = 1
    kind: RunKind
    name: str
    time: datetime
    arch: str
    width: int
    num_classes: int
    parameters: int
    data: DataRecord
    hyperparameters: Hyperparameters | None
    calibration_images: int | None = None
    qconfig: Literal["ptq", "qat", "default"] | None = None
    variant: Variant | None = None
    baseline: Baseline | None = None
    code_sha256: Sha256  # of the files that a student writes
    given_sha256: Sha256  # of the others
    functions: dict[Name, Digest] = Field({}, max_length=500)  # of the files that a student writes
    environment: Environment


class Resume(Record):
    """A stopped run goes on: after this many epochs and steps of the next, on this device."""

    event: Literal["resume"] = "resume"
    time: datetime
    device: str
    epoch: int
    step: int


class Epoch(Record):
    """One epoch; ``epoch`` counts from 1. Both losses include the label smoothing."""

    event: Literal["epoch"] = "epoch"
    epoch: int = Field(ge=1)
    train_loss: float
    train_accuracy: Fraction
    validation_loss: float
    validation_accuracy: Fraction
    learning_rate: float
    duration_s: float
    images_per_s: float


class Quantized(Record):
    """The network was converted to INT8.

    Its biases lie on the int32 grid (whole multiples of input scale times weight scale); the two
    accuracies, on the validation images, tell what that costs.
    """

    event: Literal["quantized"] = "quantized"
    engine: str
    scheme: Scheme
    accuracy_with_float_biases: Fraction
    validation_accuracy: Fraction


class QuantizedTensor(Record):
    """How one tensor of the network lies on its INT8 grid.

    ``scale_before`` is ``2*max(|minimum|, |maximum|) / 255``, of the range that the observer saw;
    ``scale`` is what the network computes with: ``2**-shift``, or no power of two (``shift`` is
    None). ``clamped``: the nearest power of two lay below or above what a shift can reach.
    ``counts`` is a histogram of the float values over the grid, from integer 0 (-128 for weights)
    to 255 (127) in bins of equal width; values outside count in the first or last bin, and
    ``outside`` is their fraction. ``sqnr_db`` is ``10*log10(sum(x**2) / sum((x - x_q)**2))``, the
    signal-to-quantization-noise ratio (Widrow & Kollar, "Quantization Noise", 2008), of the float
    values x and the INT8 values x_q; None when one of the sums is 0.
    """

    layer: str = Field(max_length=200)
    role: Role
    minimum: float
    maximum: float
    scale_before: float
    scale: float = Field(gt=0)
    zero_point: int
    shift: int | None
    clamped: Literal["below", "above"] | None
    outside: Fraction
    sqnr_db: float | None
    counts: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1, max_length=256)


class Analysis(Record):
    """What quantization did to each tensor, in the order of the forward pass.

    Weights are compared with the float weights, BatchNorm folded in; activations with those of
    the float network for the same validation images, so they hold the noise of all layers before.
    """

    event: Literal["analysis"] = "analysis"
    images: int
    tensors: tuple[QuantizedTensor, ...] = Field(max_length=1_000)


class End(Record):
    """The run is complete; its checkpoint holds the epoch with the best validation accuracy."""

    event: Literal["end"] = "end"
    time: datetime
    best_epoch: int | None = None
    validation_accuracy: Fraction
    checkpoint_bytes: int
    checkpoint_sha256: Sha256


class Latency(Record):
    """Time of one forward pass: median and quartiles over ``runs`` passes after a warm-up."""

    batch_size: int
    threads: int
    engine: str
    processor: str
    warmup_runs: int
    runs: int
    median_s: float
    lower_quartile_s: float
    upper_quartile_s: float


class Speedup(Record):
    """How much faster than its baseline a network is, of passes that were taken in turn.

    ``low`` and ``high`` are the 95 % interval of the median of the rounds' ratios, FP32's time
    divided by this network's (Conover, "Practical Nonparametric Statistics", section 3.2).
    """

    baseline_sha256: Sha256
    baseline_median_s: float
    rounds: int
    low: float
    high: float


class Result(Record):
    """An evaluation on the test images; the last one counts.

    ``confusion[i][j]`` counts the images of class i that were taken for class j.
    """

    event: Literal["result"] = "result"
    time: datetime
    checkpoint_sha256: Sha256
    checkpoint_bytes: int
    scheme: Scheme
    images: int
    accuracy: Fraction
    loss: float
    class_accuracy: dict[str, Fraction | None]
    confusion: list[list[int]]
    latency: Latency
    speedup: Speedup | None = None  # of a quantized network, timed in turn with its baseline
