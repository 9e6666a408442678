"""The lab's contract, computed directly: each trial tells whether one bullet of it holds.

Trials run in a process of their own (``judges``), where ``lab3.resnet`` and ``lab3.observer`` are
a mutant's. What a bullet builds on is replaced by something right where that is possible: a
block's forward gets a right ``add_relu``, a network's gets right stages and right fusing of blocks.
"""

import contextlib
import copy
import importlib
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
import torch.ao.nn.quantized as nnq
import torch.ao.quantization as tq
import torch.nn.functional as F
from torch import Tensor, nn
from torch.ao.nn.quantized import FloatFunctional
from torch.utils._python_dispatch import TorchDispatchMode

from tests.mutation import reference

SCALE = "CusQuantObserver.scale_approximate"
QPARAMS = "CusQuantObserver.calculate_qparams"
BLOCK, ADD = "QuantizableBottleneck.forward", "QuantizableBottleneck.add_relu"
FUSE_BLOCK = "QuantizableBottleneck.fuse_model"
NETWORK, FUSE_NETWORK = "QuantizableResNet.forward", "QuantizableResNet.fuse_model"
WHOLE = "QuantizableResNet"

DEFAULT_LIMIT = 8
# Of exponents, around the ties between two integers, where either answer is right.
TIE = 0.03
PLAIN_BLOCKS = ((16, 4, 1), (32, 8, 1))  # in_channels, channels, stride
SHORTCUT_BLOCKS = ((8, 4, 1), (8, 4, 2), (16, 4, 2))
BATCHES = ((1, 8, 8), (3, 5, 7), (2, 6, 6))  # images, height, width
SHAPES = ((1, 1, 1, 1), (2, 1, 1, 1), (1, 1, 1, 2))  # blocks of each stage
FUSED_SHAPES = SHAPES[1:]
WIDTH = 4
# float32 in another order of summation stays far below this share of the largest value.
TOLERANCE = 2e-4
# Another way to average rounds other ties: a step before the classifier, some steps behind it.
AVERAGING_STEPS = 4


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


# scale_approximate


def approximated(scale: float, limit: int | None = None, index: int = 0) -> float:
    """Ask one of two observers that live on, or a fresh one, by position or by name."""
    observer = observers()[index % 3] or student("observer", "CusQuantObserver")()
    if limit is None:
        return float(observer.scale_approximate(scale))
    if index % 2:
        return float(observer.scale_approximate(scale, limit))
    return float(observer.scale_approximate(scale, max_shift_amount=limit))


@cache
def observers() -> tuple[Any, Any, None]:
    made = student("observer", "CusQuantObserver")
    quint8 = made(dtype=torch.quint8, qscheme=torch.per_tensor_symmetric)
    return quint8, made(dtype=torch.qint8, qscheme=torch.per_tensor_symmetric), None


def exponents(low: float, high: float, count: int = 400) -> Iterator[tuple[int, float]]:
    """Yield exponents between two bounds, with numbers, none at a tie between two integers."""
    for index in range(count):
        exponent = low + (high - low) * (index + 0.37) / count
        if abs(exponent % 1 - 0.5) > TIE:
            yield index, exponent


@bullet("scale.varies", SCALE)
def scale_varies() -> None:
    """The result depends on the scale."""
    results = {approximated(2.0**-exponent) for exponent in (0.2, 2.8, 5.1, 7.3)}
    demand(len(results) > 1, f"always {results}")


@bullet("scale.power", SCALE)
def scale_power() -> None:
    """The result is a whole power of two: 2.0**-S for an integer S."""
    # Beyond the limits there is one right value, which is another bullet.
    for index, exponent in exponents(0, DEFAULT_LIMIT):
        got = approximated(2.0**-exponent, index=index)
        is_power = math.isfinite(got) and math.frexp(got)[0] == 0.5
        demand(is_power, f"2**-{exponent:.4f} gives {got!r}")


@bullet("scale.nearest", SCALE)
def scale_nearest() -> None:
    """S is the integer nearest to -log2(scale)."""
    for index, exponent in exponents(-0.49, DEFAULT_LIMIT - 0.51, 2000):
        got = approximated(2.0**-exponent, index=index)
        demand(got == 2.0 ** -round(exponent), f"2**-{exponent:.4f} gives {got!r}")


@bullet("scale.lower", SCALE)
def scale_lower() -> None:
    """S stays within 0 and max_shift_amount: no shift is longer."""
    for index, exponent in exponents(8, 60):
        got = approximated(2.0**-exponent, index=index)
        demand(got >= 2.0**-DEFAULT_LIMIT, f"2**-{exponent:.4f} gives {got!r}")


@bullet("scale.upper", SCALE)
def scale_upper() -> None:
    """S stays within 0 and max_shift_amount: a scale above 1 gives 1.0."""
    for index, exponent in exponents(-40, 0):
        got = approximated(2.0**-exponent, index=index)
        demand(got <= 1, f"2**{-exponent:.4f} gives {got!r}")


LIMITS = (0, 1, 3, 5, 7, 9, 10, 12, 15, 20)


@bullet("scale.limit", SCALE)
def scale_limit() -> None:
    """S stays within 0 and max_shift_amount: the limit is the argument."""
    for limit in LIMITS:
        for index, exponent in exponents(-10, 40, 60):
            got = approximated(2.0**-exponent, limit, index)
            is_within = 2.0**-limit <= got <= 1
            demand(is_within, f"2**{-exponent:.4f} gives {got!r} with the limit {limit}")


@bullet("scale.clamped", SCALE)
def scale_clamped() -> None:
    """Beyond a limit S is that limit, and before it the nearest integer, whatever the limit is."""
    for limit in (None, *LIMITS):
        most = DEFAULT_LIMIT if limit is None else limit
        bounds = ((-40, -0.51), (most - 0.49, 60)) if limit is None else ((-40, 60),)
        for low, high in bounds:
            for index, exponent in exponents(low, high, 300):
                expected = 2.0 ** -min(max(round(exponent), 0), most)
                got = approximated(2.0**-exponent, limit, index)
                demand(got == expected, f"2**-{exponent:.4f}, limit {limit}: {got!r}")


@bullet("scale.finite", SCALE)
def scale_finite() -> None:
    """The result is finite and positive for every input, also for 0, negative, inf and nan."""
    special = (0.0, -0.0, -1e-9, -0.3, -1.0, -1e30, math.inf, -math.inf, math.nan)
    for scale in (*special, 5e-324, 1e-308, 1.0, 1e30, 1e300, 1.7e308):
        for limit in (None, 3, 12):
            for index in range(2):
                try:
                    got = approximated(scale, limit, index)
                except Exception as error:
                    raise BrokenError(f"{scale!r} raises {type(error).__name__}") from error
                demand(0 < got < math.inf, f"{scale!r} gives {got!r}")


RANGES = ((-3.1, 1.3), (-0.4, 5.7), (0.0, 0.9), (-12.3, -2.2), (0.02, 0.05), (-0.007, 0.001))


def watched_ranges() -> Iterator[tuple[Any, float, Tensor, Tensor]]:
    """Yield an observer, the scale that it should give, and the scale and zero point it gives."""
    for low, high in RANGES:
        for dtype in (torch.quint8, torch.qint8):
            made = student("observer", "CusQuantObserver")
            observer = made(dtype=dtype, qscheme=torch.per_tensor_symmetric)
            for values in ([low, high], [low / 2, high / 3]):
                observer(torch.tensor(values))
            largest = torch.tensor(max(abs(low), abs(high))).item()  # as float32 holds it
            expected = judged(partial(observer.scale_approximate, 2 * largest / 255))
            scale, zero_point = observer.calculate_qparams()
            yield observer, float(expected), scale, zero_point


@bullet("qparams.range", QPARAMS)
def qparams_range() -> None:
    """calculate_qparams is as given: it approximates 2*m/255, m = max(|min|, |max|)."""
    for _, expected, scale, _ in watched_ranges():
        close = math.isclose(float(scale), expected, rel_tol=1e-6)
        demand(close and scale.shape == (1,), f"the scale is {scale}, not {expected}")


@bullet("qparams.zero_point", QPARAMS)
def qparams_zero_point() -> None:
    """The zero point is the integer that stands for 0.0: 128 for quint8, 0 for qint8."""
    for observer, _, _, zero_point in watched_ranges():
        expected = 128 if observer.dtype == torch.quint8 else 0
        demand(zero_point.tolist() == [expected], f"{observer.dtype} has {zero_point}")


# Blocks


def right_addition(self: Any, out: Tensor, identity: Tensor) -> Tensor:
    return self.skip_add_relu.add_relu(out, identity)


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Let a class have another method for the time of a block."""
    before = vars(owner).get(name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if before is None:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


def right_additions() -> contextlib.AbstractContextManager[None]:
    return replaced(student("resnet", "QuantizableBottleneck"), "add_relu", right_addition)


def block(shape: tuple[int, int, int], seed: int = 3) -> Any:
    made = student("resnet", "QuantizableBottleneck")(*shape)
    reference.fill(made, seed + sum(shape))
    return made


def tried_blocks(shapes: Sequence[tuple[int, int, int]]) -> Iterator[tuple[Any, int, Tensor]]:
    """Yield blocks, their stride, and images of several sizes."""
    for shape in shapes:
        for index, (batch, height, width) in enumerate(BATCHES):
            images = reference.images(17 + index, batch, shape[0], height, width)
            yield block(shape), shape[2], images


def demand_equal(got: object, expected: Tensor, what: str) -> None:
    demand(isinstance(got, Tensor), f"{what}: {type(got).__name__}")
    assert isinstance(got, Tensor)
    demand(got.shape == expected.shape, f"{what}: shape {tuple(got.shape)}")
    demand(got.dtype == expected.dtype, f"{what}: {got.dtype}")
    off = float((got - expected).detach().abs().max())
    bound = TOLERANCE * max(1.0, float(expected.detach().abs().max()))
    demand(off <= bound, f"{what}: off by {off:.4g}")


def demand_statistics(module: nn.Module, numbers: reference.Numbers) -> None:
    """Demand that each pass in train mode moves the statistics of every BatchNorm once."""
    for name, value in module.state_dict().items():
        if name.endswith(("running_mean", "running_var")):
            demand_equal(value, numbers[name].detach(), name)


def try_block(shapes: Sequence[tuple[int, int, int]], is_training: bool) -> None:
    with right_additions():
        for module, stride, images in tried_blocks(shapes):
            module.train(is_training)
            numbers = reference.numbers_of(module)
            what = f"{tuple(images.shape)} with stride {stride}"
            for turn in ("", ", again"):
                expected = reference.block(numbers, images, stride, is_training)
                demand_equal(module(images.clone()), expected, what + turn)
                demand_statistics(module, numbers)


@bullet("block.plain", BLOCK)
def block_plain() -> None:
    """The main path is conv1-bn1-relu1, conv2-bn2-relu2, conv3-bn3, then add_relu with x."""
    try_block(PLAIN_BLOCKS, is_training=False)


@bullet("block.plain_training", BLOCK)
def block_plain_training() -> None:
    """In train mode, too, a block without downsample computes the main path and adds x."""
    try_block(PLAIN_BLOCKS, is_training=True)


@bullet("block.shortcut", BLOCK)
def block_shortcut() -> None:
    """The shortcut is x, sent through downsample when the block has one."""
    try_block(SHORTCUT_BLOCKS, is_training=False)


@bullet("block.shortcut_training", BLOCK)
def block_shortcut_training() -> None:
    """In train mode, too, a block with downsample sends x through it."""
    try_block(SHORTCUT_BLOCKS, is_training=True)


def demand_gradients(
    module: nn.Module, images: Tensor, compute: Callable[[reference.Numbers, Tensor], Tensor]
) -> None:
    """Demand that gradients reach every parameter and the input as they should.

    Another function has other gradients; that it is another is another bullet.
    """
    numbers, theirs = reference.numbers_of(module), images.clone().requires_grad_()
    ours = images.clone().requires_grad_()
    expected = compute(numbers, ours)
    got = judged(lambda: module(theirs))
    try:
        demand_equal(got, expected, "the output")
    except BrokenError as error:
        raise UnjudgedError(str(error)) from error
    demand(got.requires_grad, "no gradient at all")
    weights = reference.images(5, *expected.shape)
    for output in (expected, got):
        (output * weights).sum().backward()
    pairs = [(name, p.grad, numbers[name].grad) for name, p in module.named_parameters()]
    for name, found, right in [*pairs, ("the input", theirs.grad, ours.grad)]:
        assert right is not None
        demand(found is not None, f"no gradient at {name}")
        bound = 1e-2 * max(float(right.abs().max()), 1e-3)
        off = float((found - right).abs().max())
        demand(off <= bound, f"gradient at {name} is off by {off:.4g}")


@bullet("block.gradients", BLOCK)
def block_gradients() -> None:
    """Gradients reach every weight and the block's input, on both paths, in both modes."""
    with right_additions():
        for is_training in (False, True):
            for shape in (*PLAIN_BLOCKS[:1], *SHORTCUT_BLOCKS[1:]):
                module = block(shape).train(is_training)
                images = reference.images(7, 2, shape[0], 6, 6)

                def compute(
                    numbers: reference.Numbers,
                    x: Tensor,
                    stride: int = shape[2],
                    mode: bool = is_training,
                ) -> Tensor:
                    return reference.block(numbers, x, stride, mode)

                demand_gradients(module, images, compute)


class Uses:
    """Notes which operations of which FloatFunctionals are used."""

    OPERATIONS = ("add", "add_relu", "mul", "cat", "add_scalar", "mul_scalar", "matmul")

    def __init__(self) -> None:
        self.seen: list[tuple[Any, str]] = []

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for name in self.OPERATIONS:
                stack.enter_context(replaced(FloatFunctional, name, self.noting(name)))
            yield

    def noting(self, name: str) -> Callable[..., Tensor]:
        original = getattr(FloatFunctional, name)

        def operation(functional: Any, *operands: Any) -> Tensor:
            self.seen.append((functional, name))
            return original(functional, *operands)

        return operation


def demand_one_addition(uses: Uses, functional: Any) -> None:
    operations = [name for _, name in uses.seen]
    demand(operations, "a plain addition")
    demand(set(operations) == {"add_relu"}, f"uses {operations}")
    demand(all(used is functional for used, _ in uses.seen), "another FloatFunctional")


@bullet("block.addition", BLOCK)
def block_addition() -> None:
    """The two meet in self.add_relu(out, identity)."""
    with right_additions():
        for shape in (PLAIN_BLOCKS[0], SHORTCUT_BLOCKS[1]):
            module, uses = block(shape).eval(), Uses()
            images = reference.images(1, 2, shape[0], 6, 6)
            with uses.noted():
                judged(lambda: module(images))  # noqa: B023 - called at once
            demand_one_addition(uses, module.skip_add_relu)


@bullet("block.int8", BLOCK)
def block_int8() -> None:
    """Each step is a module that watches its output, so the block computes in INT8."""
    with right_additions():
        for shape in (PLAIN_BLOCKS[0], *SHORTCUT_BLOCKS[1:]):
            images = reference.images(11, 3, shape[0], 6, 6)
            ours = reference.Bottleneck(*shape)
            theirs = block(shape)
            reference.fill(ours, 3 + sum(shape))
            for module in (ours, theirs):
                reference.fuse_block(module.eval(), is_qat=False)
            demand_same_int8(in_stubs(theirs), in_stubs(ours), images)


def in_stubs(module: nn.Module) -> nn.Module:
    return nn.Sequential(tq.QuantStub(), module, tq.DeQuantStub()).eval()


@torch.inference_mode()
def demand_same_int8(
    theirs: nn.Module, ours: nn.Module, images: Tensor, steps: int = 0
) -> nn.Module:
    """Demand that two fused modules compute the same in INT8, at the grids that one chose."""
    theirs.qconfig = reference.watched()
    tq.prepare(theirs, inplace=True)
    judged(lambda: theirs(images))
    tq.convert(theirs, inplace=True)
    demand_same_at_grids(theirs, ours, images, steps)
    return theirs


@torch.inference_mode()
def demand_same_at_grids(
    converted: nn.Module, ours: nn.Module, images: Tensor, steps: int = 0
) -> None:
    try:
        expected = reference.at_grids(ours, *reference.grids(converted))(images)
    except KeyError as error:
        raise BrokenError(f"no grid for {error}") from error
    got = converted(images)
    demand(not got.is_quantized, "the INT8 network returns integers")
    demand(got.dtype == expected.dtype, f"the INT8 network returns {got.dtype}")
    demand(got.shape == expected.shape, f"shape {tuple(got.shape)}")
    gaps = expected.flatten().sort().values.diff()
    step = float(gaps[gaps > 0].min()) if bool((gaps > 0).any()) else 0.0
    off = float((got - expected).abs().max())
    demand(off <= steps * step, f"INT8 values are off by {off:.4g}")


# add_relu


def summands(seed: int, channels: int) -> tuple[Tensor, Tensor]:
    return reference.images(seed, 3, channels, 4, 5), reference.images(seed + 1, 3, channels, 4, 5)


@bullet("add.value", ADD)
def add_value() -> None:
    """add_relu returns relu(out + identity), in both modes, with its gradients."""
    for is_training in (False, True):
        module = block(PLAIN_BLOCKS[0]).train(is_training)
        pair = [value.requires_grad_() for value in summands(1, 16)]
        before = [value.detach().clone() for value in pair]
        got = module.add_relu(*pair)
        demand_equal(got, F.relu(pair[0] + pair[1]), "the sum")
        demand(all(map(torch.equal, before, pair)), "add_relu changed a summand")
        demand(module.training == is_training, "add_relu changed the mode")
        demand(all(p.requires_grad for p in module.parameters()), "add_relu froze the block")
        demand(got.requires_grad, "no gradient at all")
        got.sum().backward()
        right = (pair[0] + pair[1] > 0).float()
        for value in pair:
            demand(value.grad is not None and torch.equal(value.grad, right), "wrong gradient")


@bullet("add.functional", ADD)
def add_functional() -> None:
    """The addition and its ReLU are one operation of self.skip_add_relu."""
    module, uses = block(PLAIN_BLOCKS[0]).eval(), Uses()
    with uses.noted():
        module.add_relu(*summands(2, 16))
    demand_one_addition(uses, module.skip_add_relu)


@bullet("add.int8", ADD)
@torch.inference_mode()
def add_int8() -> None:
    """The addition can be quantized."""
    module = block(PLAIN_BLOCKS[0]).eval()
    module.skip_add_relu.qconfig = reference.watched()
    tq.prepare(module, inplace=True)
    pair = summands(3, 16)
    module.add_relu(*pair)
    tq.convert(module, inplace=True)
    integers = [torch.quantize_per_tensor(v, 0.03, 128, torch.quint8) for v in pair]
    got = module.add_relu(*integers)
    exact = F.relu(integers[0].dequantize() + integers[1].dequantize())
    largest = float(F.relu(pair[0] + pair[1]).max())
    demand(got.is_quantized, "the INT8 addition returns no integers")
    scale = got.q_scale()
    demand(math.isclose(scale, 2 * largest / 255, rel_tol=1e-4), f"another scale: {scale}")
    clamped = exact.clamp(0, 127 * scale)
    off = float((got.dequantize() - clamped).abs().max())
    demand(off <= 0.51 * scale, f"off by {off / scale:.2f} steps")


# The network's forward


def network(layers: Sequence[int], classes: int = 10, has_own_blocks: bool = False) -> Any:
    """Return the mutant's network, its stages ours unless it ``has_own_blocks``."""
    made = student("resnet", "QuantizableResNet")(tuple(layers), classes, WIDTH)
    if not has_own_blocks:
        four = reference.stages(reference.Bottleneck, layers, WIDTH)
        made.layer1, made.layer2, made.layer3, made.layer4 = four
    reference.fill(made, 29 + sum(layers))
    return made


def try_network(is_training: bool) -> None:
    for index, (layers, classes, batch) in enumerate(
        ((SHAPES[0], 10, 2), (SHAPES[1], 7, 3), (SHAPES[2], 10, 1))
    ):
        if is_training and batch == 1:
            batch = 4
        module = network(layers, classes).train(is_training)
        numbers = reference.numbers_of(module)
        images = reference.images(41 + index, batch, 3, 32, 32)
        for turn in ("", ", again"):
            expected = reference.network(numbers, images, layers, is_training)
            what = f"logits of {batch} images, blocks {layers}{turn}"
            demand_equal(module(images.clone()), expected, what)
            demand_statistics(module, numbers)


@bullet("network.logits", NETWORK)
def network_logits() -> None:
    """Between the stubs come conv1-bn1-relu, layer1 to layer4, avgpool, flatten and fc."""
    try_network(is_training=False)


@bullet("network.training", NETWORK)
def network_training() -> None:
    """In train mode, too, the network computes these, with the batch's statistics."""
    try_network(is_training=True)


@bullet("network.gradients", NETWORK)
def network_gradients() -> None:
    """Gradients reach every weight and the input."""
    for is_training in (False, True):
        module = network(SHAPES[0]).train(is_training)
        images = reference.images(43, 3, 3, 32, 32)

        def compute(numbers: reference.Numbers, x: Tensor, mode: bool = is_training) -> Tensor:
            return reference.network(numbers, x, SHAPES[0], mode)

        demand_gradients(module, images, compute)


class Crossings(TorchDispatchMode):
    """Counts how often values pass into integers and out of them."""

    def __init__(self) -> None:
        super().__init__()
        self.into = self.out = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = str(function)
        self.into += "quantize_per" in name and "dequantize" not in name
        self.out += "dequantize" in name or "int_repr" in name
        return function(*args, **(kwargs or {}))


@cache
def int8_of_network() -> Any:
    """Return the mutant's network with our stages in INT8, fused by us."""
    module = network(SHAPES[1]).eval()
    reference.fuse_network(module)
    module.qconfig = reference.watched()
    with torch.inference_mode():
        tq.prepare(module, inplace=True)
        judged(lambda: module(reference.images(47, 3, 3, 32, 32)))
        return tq.convert(module, inplace=True)


@bullet("network.int8", NETWORK)
def network_int8() -> None:
    """Between the stubs the converted network computes on integers what it should."""
    ours = reference.Network(SHAPES[1], 10, WIDTH).eval()
    reference.fill(ours, 29 + sum(SHAPES[1]))
    reference.fuse_network(ours)
    images = reference.images(48, 3, 3, 32, 32)
    demand_same_at_grids(int8_of_network(), ours, images, AVERAGING_STEPS)


@bullet("network.stubs", NETWORK)
def network_stubs() -> None:
    """quant comes first and dequant last: one way in, one way out, and floats at both ends."""
    crossings, module = Crossings(), judged(int8_of_network)
    with crossings:
        output = module(reference.images(48, 2, 3, 32, 32))
    demand(not output.is_quantized, "the INT8 network returns integers")
    demand((crossings.into, crossings.out) == (1, 1), f"{crossings.into} in, {crossings.out} out")


# Fusing

Names = tuple[str, str, str]  # convolution, BatchNorm and ReLU, or no ReLU
MAIN: tuple[Names, ...] = (
    ("conv1", "bn1", "relu1"),
    ("conv2", "bn2", "relu2"),
    ("conv3", "bn3", ""),
)
SHORTCUT: Names = ("downsample.0", "downsample.1", "")
STEM: Names = ("conv1", "bn1", "relu")


def pairs_of(module: Any) -> tuple[Names, ...]:
    """Return what has to be fused in a block."""
    return MAIN if module.downsample is None else (*MAIN, SHORTCUT)


@torch.no_grad()
def front_and_rest(module: nn.Module, before: nn.Module, names: Names) -> tuple[str, str]:
    """Tell what a convolution's module computes after fusing, and what is left behind it."""
    conv, bn, relu = names
    module = copy.deepcopy(module).train(before.training)  # the mode is another bullet
    old_conv, old_bn = before.get_submodule(conv), copy.deepcopy(before.get_submodule(bn))
    x = reference.images(61, 3, old_conv.weight.shape[1], 6, 6)
    plain = copy.deepcopy(old_conv)(x)
    normal = old_bn(plain)
    front = module.get_submodule(conv)(x)
    y = reference.images(62, 3, plain.shape[1], 6, 6)
    rest = module.get_submodule(bn)(y.clone())
    if relu:
        rest = module.get_submodule(relu)(rest)
    fronts = {
        "conv": plain,
        "conv bn": normal,
        "conv relu": F.relu(plain),
        "conv bn relu": F.relu(normal),
    }
    old = copy.deepcopy(before.get_submodule(bn))(y)
    rests = {"": y, "relu": F.relu(y), "bn": old, "bn relu": F.relu(old)}
    return matching(fronts, front), matching(rests, rest)


def matching(known: dict[str, Tensor], value: Tensor) -> str:
    return next((n for n, v in known.items() if torch.allclose(v, value, 1e-3, 1e-3)), "else")


@cache
def fused_blocks() -> list[tuple[Any, Any, bool]]:
    """Return blocks before and after fusing, in eval mode for PTQ and in train mode for QAT."""
    fused = []
    for shape in (*PLAIN_BLOCKS[:1], *SHORTCUT_BLOCKS):
        for is_qat in (False, True):
            before = block(shape).train(is_qat)
            after = copy.deepcopy(before)
            fuse(after, is_qat)
            fused.append((before, after, is_qat))
    return fused


def fuse(module: Any, is_qat: bool) -> None:
    if is_qat:
        module.fuse_model(is_qat=True)
    else:
        module.fuse_model()


@bullet("fuse_block.runs", FUSE_BLOCK)
def fuse_block_runs() -> None:
    """Blocks can be fused, with a shortcut and without, for PTQ and for QAT."""
    fused_blocks()


@bullet("fuse_block.convolutions", FUSE_BLOCK)
def fuse_block_convolutions() -> None:
    """Every Conv2d is fused with the BatchNorm2d that directly follows it."""
    for before, after, _ in judged(fused_blocks):
        for names in MAIN:
            demand_batchnorm_inside(after, before, names)


def demand_batchnorm_inside(after: Any, before: Any, names: Names) -> None:
    front, rest = front_and_rest(after, before, names)
    is_inside = front.startswith("conv bn") and rest in ("", "relu")
    demand(is_inside, f"{names[0]} is {front!r}, behind it {rest!r}")


@bullet("fuse_block.relus", FUSE_BLOCK)
def fuse_block_relus() -> None:
    """Every Conv2d is fused with the ReLU that directly follows its BatchNorm2d, and no other."""
    for before, after, _ in judged(fused_blocks):
        for names in pairs_of(before):
            front, rest = front_and_rest(after, before, names)
            has_relu = front.endswith("relu") and "relu" not in rest
            holds = has_relu if names[2] else "relu" not in front + rest
            demand(holds, f"{names[0]} is {front!r}, behind it {rest!r}")


@bullet("fuse_block.shortcut", FUSE_BLOCK)
def fuse_block_shortcut() -> None:
    """The shortcut's convolution is fused with its BatchNorm2d."""
    for before, after, _ in judged(fused_blocks):
        if before.downsample is not None:
            demand_batchnorm_inside(after, before, SHORTCUT)


@bullet("fuse_block.kind", FUSE_BLOCK)
def fuse_block_kind() -> None:
    """PTQ folds every BatchNorm2d for good, QAT keeps it trainable."""
    for before, after, is_qat in judged(fused_blocks):
        demand_kind(after, len(pairs_of(before)), is_qat)


def demand_kind(after: nn.Module, convolutions: int, is_qat: bool) -> None:
    batchnorms = [m for m in after.modules() if isinstance(m, nn.BatchNorm2d)]
    expected = convolutions if is_qat else 0
    demand(len(batchnorms) == expected, f"{len(batchnorms)} BatchNorm2d with is_qat={is_qat}")
    if is_qat:
        frozen = [name for name, p in after.named_parameters() if not p.requires_grad]
        demand(not frozen, f"{frozen} can't be trained")


@bullet("fuse_block.mode", FUSE_BLOCK)
def fuse_block_mode() -> None:
    """PTQ fuses in eval mode, QAT in train mode, and leaves the block in it."""
    for _, after, is_qat in judged(fused_blocks):
        demand_mode(after, is_qat)


def demand_mode(module: nn.Module, is_training: bool) -> None:
    """Demand the mode of all but fused modules, which PyTorch makes in train mode."""
    for name, m in module.named_modules():
        is_own = not type(m).__module__.startswith("torch") or isinstance(m, nn.BatchNorm2d)
        holds = m.training == is_training or not is_own
        demand(holds, f"{name or 'the module'} has another mode with is_qat={is_training}")


@bullet("fuse_block.output", FUSE_BLOCK)
def fuse_block_output() -> None:
    """The output does not change."""
    for before, after, _ in judged(fused_blocks):
        images = reference.images(67, 3, before.conv1.in_channels, 6, 6)
        demand_same_output(before, after, images, reference.run_block)


@torch.no_grad()
def demand_same_output(
    before: Any, after: Any, images: Tensor, run: Callable[[Any, Tensor], Tensor]
) -> None:
    """Demand the same output, in the mode of fusing and, after a step of statistics, in eval."""
    for is_training in (before.training, False):
        expected = run(before.train(is_training), images)
        mode = "train" if is_training else "eval"
        demand_equal(run(after.train(is_training), images), expected, f"output in {mode} mode")


@cache
def fused_networks() -> list[tuple[Any, Any, bool, list[tuple[Any, bool]]]]:
    """Return networks before and after fusing, and which blocks they had fused, and how."""
    fused = []
    for layers in FUSED_SHAPES:
        for is_qat in (False, True):
            before = network(layers, has_own_blocks=True).train(is_qat)
            after = copy.deepcopy(before)
            calls: list[tuple[Any, bool]] = []

            def right_fuse_model(
                self: Any, is_qat: bool = False, noted: list[tuple[Any, bool]] = calls
            ) -> None:
                noted.append((self, is_qat))
                reference.fuse_block(self, is_qat)

            own = student("resnet", "QuantizableBottleneck")
            with replaced(own, "fuse_model", right_fuse_model):
                fuse(after, is_qat)
            fused.append((before, after, is_qat, calls))
    return fused


@bullet("fuse_network.runs", FUSE_NETWORK)
def fuse_network_runs() -> None:
    """The network can be fused, for PTQ and for QAT."""
    fused_networks()


@bullet("fuse_network.stem", FUSE_NETWORK)
def fuse_network_stem() -> None:
    """The stem's conv1, bn1 and relu become one module."""
    for before, after, *_ in judged(fused_networks):
        front, rest = front_and_rest(after, before, STEM)
        demand((front, rest) == ("conv bn relu", ""), f"it is {front!r}, behind it {rest!r}")


@bullet("fuse_network.blocks", FUSE_NETWORK)
def fuse_network_blocks() -> None:
    """Every block is fused by its own fuse_model, with the same is_qat."""
    for _, after, is_qat, calls in judged(fused_networks):
        blocks = list(reference.blocks_of(after))
        fused = [id(block) for block, _ in calls]
        holds = sorted(fused) == sorted(map(id, blocks))
        demand(holds, f"{len(fused)} of {len(blocks)} blocks were fused")
        others = [given for _, given in calls if bool(given) != is_qat]
        demand(not others, f"is_qat={is_qat} became {others}")


@bullet("fuse_network.kind", FUSE_NETWORK)
def fuse_network_kind() -> None:
    """PTQ folds the stem's BatchNorm2d for good, QAT keeps it trainable."""
    for _, after, is_qat, _ in judged(fused_networks):
        demand_kind(after.conv1, 1, is_qat)
        demand(not isinstance(after.bn1, nn.BatchNorm2d), "bn1 is still there")
        frozen = [name for name, p in after.named_parameters() if not p.requires_grad]
        demand(not frozen or not is_qat, f"{frozen} can't be trained")


@bullet("fuse_network.mode", FUSE_NETWORK)
def fuse_network_mode() -> None:
    """The network stays in the mode in which it was fused."""
    for _, after, is_qat, _ in judged(fused_networks):
        demand_mode(after, is_qat)


@bullet("fuse_network.output", FUSE_NETWORK)
def fuse_network_output() -> None:
    """The output does not change."""
    for before, after, *_ in judged(fused_networks):
        images = reference.images(71, 3, 3, 32, 32)
        demand_same_output(before, after, images, reference.run_network)


# Everything together

IMAGES = (4, 3, 32, 32)
PTQ_LAYERS, QAT_LAYERS = SHAPES[1], SHAPES[0]


def scales_of(converted: nn.Module) -> dict[str, float]:
    outputs, weights = reference.grids(converted)
    return {name: scale for name, (scale, _) in outputs.items()} | {
        f"weight of {name}": scale for name, (scale, _) in weights.items()
    }


@dataclass(frozen=True)
class Ptq:
    ranges: dict[str, tuple[float, float]]
    converted: Any
    logits: Tensor


@cache
def ptq() -> Ptq:
    """Quantize the mutant's network as the lab does."""
    module = network(PTQ_LAYERS, has_own_blocks=True).eval()
    module.fuse_model()
    module.qconfig = student("qconfig", "CustomQConfig").PTQ.value
    with torch.inference_mode():
        tq.prepare(module, inplace=True)
        for seed in (81, 82):
            module(reference.images(seed, *IMAGES))
        ranges = observed(module)
        tq.convert(module.eval(), inplace=True)
        return Ptq(ranges, module, module(reference.images(83, *IMAGES)))


def observed(prepared: nn.Module) -> dict[str, tuple[float, float]]:
    return {
        name: (float(m.min_val), float(m.max_val))
        for name, m in prepared.named_modules()
        if isinstance(m, tq.MinMaxObserver) and name.endswith("activation_post_process")
    }


@bullet("ptq.converts", WHOLE)
def ptq_converts() -> None:
    """The calibrated network converts, and its INT8 version computes."""
    logits = ptq().logits
    demand(not logits.is_quantized, "the INT8 network returns integers")
    demand(bool(torch.isfinite(logits).all()), "logits are not finite")
    demand(logits.shape == (IMAGES[0], 10), f"logits of shape {tuple(logits.shape)}")


@bullet("ptq.scales", WHOLE)
def ptq_scales() -> None:
    """Every scale of the INT8 network is a power of two that a right shift can apply."""
    demand_shifts(judged(ptq).converted, PTQ_LAYERS)


def demand_shifts(converted: nn.Module, layers: Sequence[int]) -> None:
    names = [name for name, m in converted.named_modules() if isinstance(m, nnq.Conv2d)]
    blocks = sum(layers)
    shortcuts = 4
    demand(len(names) == 1 + 3 * blocks + shortcuts, f"{len(names)} INT8 convolutions")
    for name, scale in scales_of(converted).items():
        is_shift = scale in {2.0**-shift for shift in range(DEFAULT_LIMIT + 1)}
        demand(is_shift, f"{name} has the scale {scale!r}")


@bullet("ptq.zero_points", WHOLE)
def ptq_zero_points() -> None:
    """Zero points are 128 for activations and 0 for weights."""
    outputs, weights = reference.grids(judged(ptq).converted)
    for name, (_, zero_point) in outputs.items():
        demand(zero_point == 128, f"{name} has the zero point {zero_point}")
    for name, (_, zero_point) in weights.items():
        demand(zero_point == 0, f"the weight of {name} has the zero point {zero_point}")


@bullet("ptq.logits", WHOLE)
def ptq_logits() -> None:
    """The INT8 logits agree with the reference's, at the same scales."""
    demand_same_at_grids(
        judged(ptq).converted, fused_reference(), reference.images(83, *IMAGES), AVERAGING_STEPS
    )


def fused_reference() -> reference.Network:
    ours = reference.Network(PTQ_LAYERS, 10, WIDTH).eval()
    reference.fill(ours, 29 + sum(PTQ_LAYERS))
    reference.fuse_network(ours)
    return ours


@bullet("ptq.ranges", WHOLE)
def ptq_ranges() -> None:
    """Every observer sees the range of its layer's output, and nothing else."""
    ranges, ours = judged(ptq).ranges, fused_reference()
    ours.qconfig = reference.watched()
    with torch.inference_mode():
        tq.prepare(ours, inplace=True)
        for seed in (81, 82):
            ours(reference.images(seed, *IMAGES))
    for name, bounds in observed(ours).items():
        demand(name in ranges, f"{name} watches nothing")
        for got, expected in zip(ranges[name], bounds, strict=True):
            close = math.isclose(got, expected, rel_tol=1e-3, abs_tol=1e-3)
            demand(close, f"{name} saw {got:.4g}, not {expected:.4g}")


@dataclass(frozen=True)
class Qat:
    fakes: dict[str, bool]
    moved: dict[str, bool]
    loss: float
    converted: Any
    logits: Tensor


@cache
def trained() -> tuple[Any, Any, float]:
    """Take a step of QAT as the lab does; return the network before and after, and the loss."""
    module = network(QAT_LAYERS, has_own_blocks=True).train()
    module.fuse_model(is_qat=True)
    module.qconfig = student("qconfig", "CustomQConfig").QAT.value
    tq.prepare_qat(module, inplace=True)
    before = {name: v.detach().clone() for name, v in module.state_dict().items()}
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05)
    loss = F.cross_entropy(module(reference.images(91, *IMAGES)), torch.arange(4))
    loss.backward()
    optimizer.step()
    return before, module, float(loss.detach())


@bullet("qat.fake_quantize", WHOLE)
def qat_fake_quantize() -> None:
    """While QAT trains, FakeQuantize rounds every convolution's weight and output."""
    module = trained()[1]
    for name in (*block_names(QAT_LAYERS), "conv1", "fc"):
        layer = module.get_submodule(name)
        for part in ("weight_fake_quant", "activation_post_process"):
            holds = isinstance(getattr(layer, part, None), tq.FakeQuantize)
            demand(holds, f"{name} has no {part}")
            fake = getattr(layer, part)
            demand(bool(fake.scale != 1 or fake.scale.numel() != 1), f"{name} watched nothing")


def block_names(layers: Sequence[int]) -> Iterator[str]:
    for stage, blocks in enumerate(layers, start=1):
        for index in range(blocks):
            for conv in ("conv1", "conv2", "conv3", *(["downsample.0"] if index == 0 else [])):
                yield f"layer{stage}.{index}.{conv}"


@bullet("qat.trains", WHOLE)
def qat_trains() -> None:
    """A training step changes every convolution's weight, and its BatchNorm's statistics."""
    before, module, loss = judged(trained)
    demand(math.isfinite(loss), f"the loss is {loss}")
    after = module.state_dict()
    for name in (*block_names(QAT_LAYERS), "conv1"):
        for part in ("weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"):
            key = f"{name}.{part}"
            demand(key in after, f"{key} is missing")
            holds = bool((after[key] != before[key]).any()) and bool(after[key].isfinite().all())
            demand(holds, f"{key} did not move")


@bullet("qat.converts", WHOLE)
def qat_converts() -> None:
    """The trained network converts, its scales are powers of two, and it computes."""
    module = copy.deepcopy(judged(trained)[1])
    with torch.inference_mode():
        tq.convert(module.eval(), inplace=True)
        logits = module(reference.images(92, *IMAGES))
    demand(not logits.is_quantized, "the INT8 network returns integers")
    demand(bool(torch.isfinite(logits).all()), "logits are not finite")
    demand(logits.shape == (IMAGES[0], 10), f"logits of shape {tuple(logits.shape)}")
    demand_shifts(module, QAT_LAYERS)


def quiet() -> None:
    """Silence what PyTorch says about eager quantization and about mutants."""
    warnings.simplefilter("ignore")
