"""The options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Option

Arch = Literal["resnet50", "resnet14"]
DataName = Literal["digits", "fashion-mnist", "cifar10"]
TRAINING, PLACES = "Hyperparameters", "Data, code and runs"

Code = Annotated[
    Path | None,
    Option(
        "--code",
        metavar="DIR",
        rich_help_panel=PLACES,
        help="Folder that holds your lab3/; this folder or assignment/ when not given.",
    ),
]
Runs = Annotated[
    Path,
    Option("--runs", metavar="DIR", rich_help_panel=PLACES, help="Folder of the run folders."),
]
DataDir = Annotated[
    Path,
    Option("--data-dir", metavar="DIR", rich_help_panel=PLACES, help="Folder of the data sets."),
]
Download = Annotated[
    bool,
    Option("--download", rich_help_panel=PLACES, help="Fetch the data set when it is missing."),
]
Restart = Annotated[
    bool, Option("--restart", help="Discard what this run has done so far and begin again.")
]
Json = Annotated[bool, Option("--json", help="Print JSON on stdout instead of a table.")]
NoLog = Annotated[bool, Option("--no-log", help="Leave the runs' logs as they are.")]
# With 2 or 3 channels in channels_last order, PyTorch's CPU convolutions write out of bounds.
Width = Annotated[
    int | None, Option("--width", min=4, help="Channels of the stem; 64, or 16 for digits.")
]
Epochs = Annotated[
    int | None,
    Option("--epochs", rich_help_panel=TRAINING, help="Passes over the training images."),
]
BatchSize = Annotated[
    int | None, Option("--batch-size", rich_help_panel=TRAINING, help="Images a step.")
]
LearningRate = Annotated[
    float | None,
    Option("--learning-rate", "--lr", rich_help_panel=TRAINING, help="Learning rate at the start."),
]
Optimizer = Annotated[
    Literal["sgd", "adamw"] | None, Option("--optimizer", rich_help_panel=TRAINING)
]
Momentum = Annotated[
    float | None,
    Option("--momentum", rich_help_panel=TRAINING, help="Momentum of SGD, first beta of AdamW."),
]
WeightDecay = Annotated[float | None, Option("--weight-decay", rich_help_panel=TRAINING)]
Scheduler = Annotated[
    Literal["cosine", "multistep", "constant"] | None,
    Option("--scheduler", rich_help_panel=TRAINING, help="How the learning rate falls."),
]
LabelSmoothing = Annotated[float | None, Option("--label-smoothing", rich_help_panel=TRAINING)]
Augmentation = Annotated[
    Literal["none", "crop", "crop-flip", "autoaugment"] | None,
    Option("--augmentation", rich_help_panel=TRAINING, help="Random changes of training images."),
]
Seed = Annotated[
    int | None,
    Option("--seed", rich_help_panel=TRAINING, help="Seed of weights, order and augmentation."),
]
Workers = Annotated[
    int | None,
    Option("--workers", min=0, help="Loader processes; 0 without a GPU, up to 4 with one."),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"], Option("--device", help="Where to train; auto prefers a GPU.")
]
