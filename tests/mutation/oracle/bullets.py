"""The promises of the contract: a bullet's name, the function that makes it, and its trial."""

import importlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SCALE = "CusQuantObserver.scale_approximate"
QPARAMS = "CusQuantObserver.calculate_qparams"
BLOCK, ADD = "QuantizableBottleneck.forward", "QuantizableBottleneck.add_relu"
FUSE_BLOCK = "QuantizableBottleneck.fuse_model"
NETWORK, FUSE_NETWORK = "QuantizableResNet.forward", "QuantizableResNet.fuse_model"
WHOLE = "QuantizableResNet"


class BrokenError(Exception):
    """A bullet doesn't hold."""


class UnjudgedError(Exception):
    """What has to be there before a bullet can be tried isn't."""


@dataclass(frozen=True)
class Bullet:
    """One promise of the contract, the function that makes it, and the trial that tells."""

    name: str
    function: str
    says: str
    trial: Callable[[], None]


BULLETS: dict[str, Bullet] = {}


def bullet(name: str, function: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Note a trial under a bullet's name; its docstring is what the contract says."""

    def note(trial: Callable[[], None]) -> Callable[[], None]:
        BULLETS[name] = Bullet(name, function, (trial.__doc__ or "").strip(), trial)
        return trial

    return note


def demand(holds: object, text: str) -> None:
    if not holds:
        raise BrokenError(text)


def student(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"lab3.{module}"), name)


def judged(prepare: Callable[[], Any]) -> Any:
    """Return what has to be there for a trial; that it raises is another bullet."""
    try:
        return prepare()
    except Exception as error:
        raise UnjudgedError(str(error)) from error


def quiet() -> None:
    """Silence what PyTorch says about eager quantization and about mutants."""
    warnings.simplefilter("ignore")
