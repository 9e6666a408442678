"""The proof: each value that PyTorch's INT8 kernels compute, beside that of the integer steps.

Each step gets the integers that PyTorch's kernel got. When all of them agree, the whole integer
network computes what PyTorch does, from the input quantizer on: by induction over its steps, its
own values are those that PyTorch gave it. When some don't, each layer is judged by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from lab3.engines import engine as computing_on
from lab3.engines import is_exact, listed_engines
from lab3.errors import LabError
from lab3.log.certificate import Difference, EngineProof, Reason
from tools.hardware.arithmetic import Ties
from tools.hardware.program import Program, Step, Tally
from tools.hardware.reasons import REASONS, Case
from tools.hardware.tracing import integers_of, trace

TIES: dict[str, Ties] = {"qnnpack": "away"}  # the other engines' additions round halves to even
BATCH_SIZE = 16  # all values of a batch are held at once


@dataclass
class Disagreement:
    """Where one layer of one engine differs: how often, how far, and what explains all of it."""

    different: int = 0
    largest_step: int = 0
    reasons: list[Reason] = field(default_factory=lambda: list(REASONS))


@dataclass
class Engine:
    """One engine's network and what comparing it has found so far."""

    name: str
    network: nn.Module
    is_exact: bool
    values: int = 0
    changed_classes: int = 0
    layers: dict[int, Disagreement] = field(default_factory=dict)

    def integers(self, images: Tensor, program: Program) -> list[Tensor]:
        """Return this engine's uint8 values of each step, (B, ...) each."""
        with computing_on(self.name):
            return integers_of(self.network, images, program)

    def compare(
        self, k: int, step: Step, inputs: Sequence[Tensor], theirs: Tensor, ours: Tensor
    ) -> None:
        """Compare one step's values for one batch; look for a reason where they differ."""
        self.values += theirs.numel()
        if theirs.equal(ours):
            return
        steps = (theirs.to(torch.int16) - ours).abs_()
        layer = self.layers.setdefault(k, Disagreement())
        layer.different += int(steps.count_nonzero())
        layer.largest_step = max(layer.largest_step, int(steps.max()))
        case = Case(step, inputs, theirs, self.is_exact)
        layer.reasons = [reason for reason in layer.reasons if REASONS[reason](case)]

    def proof(self, program: Program, images: int) -> EngineProof:
        """Return what was found."""
        differences = [
            Difference(
                layer=program.steps[k].layer,
                values=images * program.steps[k].values,
                different=layer.different,
                largest_step=layer.largest_step,
                reason=next(iter(layer.reasons), None),
            )
            for k, layer in sorted(self.layers.items())
        ]
        return EngineProof(
            engine=self.name,
            images=images,
            values=self.values,
            different=sum(difference.different for difference in differences),
            changed_classes=self.changed_classes,
            differences=tuple(differences),
        )


def engine_of(name: str, build: Callable[[], nn.Module]) -> Engine:
    """Return an engine with a network whose weights are packed for it."""
    with computing_on(name):
        return Engine(name, build().eval(), is_exact(name))


def traced(engine: Engine, image: Tensor) -> Program:
    """Return the program of an engine's network; raise LabError when the engine can't run it."""
    try:
        with computing_on(engine.name):
            return trace(engine.network, image, TIES.get(engine.name, "even"))
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise LabError(f"engine {engine.name} can't run this network: {reason}") from None


class Proof:
    """Compares the integer program of a network with every engine of this CPU, the first first.

    ``build`` makes the network anew for each engine, because engines pack weights differently;
    ``image`` (1, C, H, W) is one normalised image. Raises NotShiftOnlyError, and LabError when the
    first engine can't run the network.
    """

    def __init__(self, build: Callable[[], nn.Module], image: Tensor, engine: str) -> None:
        first = engine_of(engine, build)
        self.program = traced(first, image)
        self.engines = [first]
        self.unable: list[str] = []  # engines that can't run this network
        for name in listed_engines():
            if name == engine:
                continue
            try:  # QNNPACK, for one, adds nothing that is 2**8 times its output's scale
                other = engine_of(name, build)
                other.integers(image, self.program)
            except RuntimeError:
                self.unable.append(name)
            else:
                self.engines.append(other)
        self.tallies = [Tally() for _ in self.program.steps]
        self.images = 0

    @torch.no_grad()
    def add(self, images: Tensor) -> None:
        """Compare all values of some normalised images (B, C, H, W)."""
        self.images += len(images)
        steps = self.program.steps
        results: list[tuple[list[Tensor], Tensor]] = []  # each step's inputs and output
        classes: Tensor | None = None
        for engine in self.engines:
            values = engine.integers(images, self.program)
            for k, step in enumerate(steps):
                inputs = [values[number] for number in step.inputs] or [images]
                if len(results) == k:
                    ours = step.compute(inputs, self.program.ties, self.tallies[k])
                    results.append((inputs, ours))
                elif all(map(torch.equal, inputs, results[k][0])):
                    ours = results[k][1]
                else:
                    ours = step.compute(inputs, self.program.ties)
                engine.compare(k, step, inputs, values[k], ours)
            predictions = values[-1].argmax(1)  # (B,)
            classes = predictions if classes is None else classes
            engine.changed_classes += int((predictions != classes).sum())

    def proofs(self) -> list[EngineProof]:
        """Return what was found for each engine."""
        return [engine.proof(self.program, self.images) for engine in self.engines]
