"""What a convolution's module can hold after fusing, and the reference fused that way."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from autograder.inside.experiments import ConvLayer
from lab3 import eager

UNKNOWN, ADDED = "something else", "added_relu"


@dataclass(frozen=True)
class FusionState:
    """What a convolution's module computes, ``conv bn relu``, and what comes behind it."""

    front: str
    rest: str

    @property
    def is_known(self) -> bool:
        return UNKNOWN not in (self.front, self.rest)

    def is_complete(self, layer: ConvLayer) -> bool:
        """Tell whether nothing that belongs to a layer was dropped, added or put elsewhere."""
        parts = ["conv", "bn", "relu"] if layer.relu else ["conv", "bn"]
        return [*self.front.split(), *self.rest.split()] == parts

    def has_inside(self, part: str) -> bool:
        return part in self.front.split()

    def has_behind(self, part: str) -> bool:
        return part in self.rest.split()


def fuse_as(module: Any, states: Iterable[tuple[ConvLayer, FusionState]]) -> None:
    """Fuse the layers of a module in eval mode as the states say, in place.

    What is neither inside nor behind is dropped, as the state says that it was.
    """
    for layer, state in states:
        parts = {"conv": layer.conv, "bn": layer.bn, "relu": layer.relu or ADDED}
        names = [parts[part] for part in state.front.split()]
        if ADDED in names:  # a ReLU where none directly follows
            setattr(module, ADDED, nn.ReLU().eval())
        kept = {parts[part] for part in state.rest.split()}
        for name in (layer.bn, layer.relu):
            if name and name not in names and name not in kept:
                parent, _, last = name.rpartition(".")
                setattr(module.get_submodule(parent), last, nn.Identity())
        if len(names) > 1:
            eager.fuse_modules(module, names, inplace=True)
