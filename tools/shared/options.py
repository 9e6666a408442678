"""The options that several commands share."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from typer import Option

Arch = Literal["resnet50", "resnet14"]
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
HYPERPARAMETERS: dict[str, Any] = {  # by the field of lab3.log.records.Hyperparameters
    "epochs": Annotated[
        int | None,
        Option("--epochs", rich_help_panel=TRAINING, help="Passes over the training images."),
    ],
    "batch_size": Annotated[
        int | None, Option("--batch-size", rich_help_panel=TRAINING, help="Images a step.")
    ],
    "learning_rate": Annotated[
        float | None,
        Option(
            "--learning-rate", "--lr", rich_help_panel=TRAINING, help="Learning rate at the start."
        ),
    ],
    "optimizer": Annotated[
        Literal["sgd", "adamw"] | None, Option("--optimizer", rich_help_panel=TRAINING)
    ],
    "momentum": Annotated[
        float | None,
        Option(
            "--momentum", rich_help_panel=TRAINING, help="Momentum of SGD, first beta of AdamW."
        ),
    ],
    "weight_decay": Annotated[float | None, Option("--weight-decay", rich_help_panel=TRAINING)],
    "scheduler": Annotated[
        Literal["cosine", "multistep", "constant"] | None,
        Option("--scheduler", rich_help_panel=TRAINING, help="How the learning rate falls."),
    ],
    "label_smoothing": Annotated[
        float | None, Option("--label-smoothing", rich_help_panel=TRAINING)
    ],
    "augmentation": Annotated[
        Literal["none", "crop", "crop-flip", "autoaugment"] | None,
        Option(
            "--augmentation", rich_help_panel=TRAINING, help="Random changes of training images."
        ),
    ],
    "seed": Annotated[
        int | None,
        Option("--seed", rich_help_panel=TRAINING, help="Seed of weights, order and augmentation."),
    ],
}
HYPERPARAMETER_LISTS: dict[str, Any] = dict.fromkeys(
    HYPERPARAMETERS, Annotated[str | None, Option(metavar="A,B,...", rich_help_panel=TRAINING)]
)
Workers = Annotated[
    int | None,
    Option(
        "--workers",
        min=0,
        help="Loader processes; not given: none, and a GPU augments itself.",
    ),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"],
    Option("--device", help="Where to train; auto prefers a GPU. mps is that of Apple silicon."),
]


def takes(options: dict[str, Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that gives a command's parameter ``chosen`` as options.

    ``options`` are the annotations by name; ``chosen`` becomes the values that the user gave.
    """
    extra = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in options.items()
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)

        @functools.wraps(command)
        def run(**arguments: Any) -> None:
            values = {name: arguments.pop(name) for name in options}
            chosen = {name: value for name, value in values.items() if value is not None}
            command(chosen=chosen, **arguments)

        parameters = []
        for name, parameter in signature.parameters.items():
            keyword = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            parameters += extra if name == "chosen" else [keyword]
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return run

    return decorate
