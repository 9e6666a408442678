"""What PyTorch runs when a network computes: each kernel, with its arguments and its layer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from lab3.errors import LabError

OBSERVER = ".activation_post_process"


class NotShiftOnlyError(LabError):
    """A network needs more than integers and shifts; the text names each layer and says why."""


@dataclass(frozen=True, eq=False)
class Call:
    """One kernel that PyTorch ran: its name, its arguments, what it returned, and in which layer.

    Tensors are told apart by identity: calls hold them, so that no identity is used twice.
    ``integers`` is the ``int_repr`` of a quantized output, as it was then: a kernel that works in
    place changes the tensor afterwards.
    """

    kernel: str
    arguments: tuple[Any, ...]
    output: Tensor
    layer: str
    integers: Tensor | None


class Recorder(TorchDispatchMode):
    """Records each kernel that returns a tensor, beneath everything that Python can do."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.layers: list[str] = [""]

    def __torch_dispatch__(
        self,
        func: Any,
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        if isinstance(output, Tensor):
            integers = output.int_repr() if output.is_quantized else None
            self.calls.append(Call(func._schema.name, args, output, self.layers[-1], integers))
        return output

    @contextmanager
    def watching(self, network: nn.Module) -> Iterator[None]:
        """Record, and note which layer each kernel runs in."""
        handles = []
        for name, module in network.named_modules():

            def enter(_: nn.Module, inputs: tuple[Any, ...], name: str = name) -> None:
                addition = name.removesuffix(OBSERVER)
                last = self.calls[-1] if self.calls else None
                if addition != name and last and inputs and inputs[0] is last.output:
                    # An addition is a method, no module's call: what follows it tells its name.
                    self.calls[-1] = replace(last, layer=addition)
                self.layers.append(name)

            def leave(*_: object) -> None:
                self.layers.pop()

            handles.append(module.register_forward_pre_hook(enter))
            handles.append(module.register_forward_hook(leave))
        try:
            with self:
                yield
        finally:
            for handle in handles:
                handle.remove()


def record(network: nn.Module, images: Tensor) -> tuple[list[Call], Any]:
    """Return what PyTorch runs for normalised images (B, C, H, W), and the network's output.

    Raises NotShiftOnlyError when the network changes its images.
    """
    recorder, before = Recorder(), images.clone()
    with torch.no_grad(), recorder.watching(network):
        output = network(images)
    if not images.equal(before):
        raise NotShiftOnlyError("the network changes the images that it is given")
    return recorder.calls, output
