"""What probes watch in a forward pass: which functional adds, and where the stubs stand."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from lab3 import eager
from lab3.eager import FloatFunctional


class FunctionalCalls:
    """Watches which FloatFunctional, or its INT8 version, is used: the module's own, or others."""

    def __init__(self, module: nn.Module, kind: type = FloatFunctional) -> None:
        self.own = {id(m): n for n, m in module.named_modules() if isinstance(m, kind)}
        self.kind = kind
        self.seen: list[tuple[str, str]] = []
        self.originals = {name: getattr(kind, name) for name in ("add", "add_relu")}

    def __enter__(self) -> None:
        for name, original in self.originals.items():
            setattr(self.kind, name, self.watch(name, original))

    def __exit__(self, *exception: object) -> None:
        for name, original in self.originals.items():
            setattr(self.kind, name, original)

    def watch(self, name: str, original: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def watched(functional: Any, *tensors: Tensor, **named: Tensor) -> Tensor:
            if len(self.seen) < 100:
                self.seen.append((self.own.get(id(functional), ""), name))
            return original(functional, *tensors, **named)

        return watched


class Crossings(TorchFunctionMode):
    """Counts how often floats become integers in a forward pass, and integers floats."""

    INWARDS = ("quantize_per_tensor", "quantize_per_tensor_dynamic", "quantize_per_channel")
    OUTWARDS = ("dequantize", "int_repr")

    def __init__(self) -> None:
        super().__init__()
        self.inwards = self.outwards = 0

    def __torch_function__(
        self, function: Any, _types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = getattr(function, "__name__", "")
        self.inwards += name in self.INWARDS
        self.outwards += name in self.OUTWARDS
        return function(*args, **(kwargs or {}))


class StubCalls:
    """Watches what goes into ``quant`` and what comes out of ``dequant`` in a forward pass.

    ``quant`` is watched where its observer stands, which ``quant.forward(x)`` goes past; there is
    none behind ``dequant``, so ``dequant.forward(x)`` is as good as a call.
    """

    def __init__(self, module: nn.Module) -> None:
        self.given: list[Tensor] = []
        self.returned: list[Tensor] = []
        self.hooks: list[Any] = []
        self.dequants: list[nn.Module] = []
        for inner in module.modules():
            if isinstance(inner, eager.QuantStub):
                self.hooks.append(inner.register_forward_pre_hook(self.take, with_kwargs=True))
            elif isinstance(inner, eager.DeQuantStub):
                self.dequants.append(inner)
                inner.forward = self.watch(inner.forward)  # type: ignore[method-assign]

    def __enter__(self) -> "StubCalls":
        return self

    def __exit__(self, *exception: object) -> None:
        for hook in self.hooks:
            hook.remove()
        for dequant in self.dequants:
            del dequant.forward

    def take(self, _: nn.Module, given: tuple[Tensor, ...], named: dict[str, Tensor]) -> None:
        self.given += [*given, *named.values()][:1]

    def watch(self, forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def watched(*given: Tensor, **named: Tensor) -> Tensor:
            self.returned.append(forward(*given, **named))
            return self.returned[-1]

        return watched

    def places(self, inputs: Tensor, output: Tensor) -> tuple[int, int, str, str]:
        """Return how often quant and dequant were called, and where they stand in forward."""
        quant = "never" if not self.given else "later"
        if self.given and torch.equal(self.given[0], inputs):
            quant = "first"
        dequant = "never" if not self.returned else "earlier"
        if self.returned and torch.equal(self.returned[-1], output):
            dequant = "last"
        return len(self.given), len(self.returned), quant, dequant
