"""How the worker finds the answer to each question about a student's code.

Each probe is one whole experiment: it builds what it needs, does it, and returns plain data. Only
the student's files are at work here, beside PyTorch and the given files; expected values, labels
and the rubric are never in this process.
"""

import contextlib
import io
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn

from autograder.inside import experiments, questions, telling
from autograder.inside.conversion import Packing, convert, integers_of, quantize
from autograder.inside.telling import describe_error, stage
from autograder.inside.watching import FunctionalCalls
from lab3 import eager

SMALL_STAGES = (1, 1, 1, 1)  # replaced by plain convolutions before anything runs


def answer(question: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header and body that answer a question; what student code raises is one too."""
    telling.begin()
    try:
        asked = questions.unpack(question, body)
        tensors: list[Tensor] = []
        header = PROBES[type(asked)](asked).model_dump(mode="json", context=tensors)
        named = {str(index): tensor.contiguous() for index, tensor in enumerate(tensors)}
        return {"answer": header}, save(named)
    except BaseException as error:  # SystemExit and KeyboardInterrupt are the student's too
        return {"error": describe_error(error).model_dump(mode="json")}, b""


def places(_question: questions.Places) -> questions.FunctionPlaces:
    begins: dict[str, tuple[str, int]] = {}
    for module_name, file in (("lab3.resnet", "resnet.py"), ("lab3.observer", "observer.py")):
        try:
            module = __import__(module_name, fromlist=["x"])
        except BaseException:
            continue
        for class_name, value in list(vars(module).items()):
            if not isinstance(value, type) or value.__module__ != module_name:
                continue
            for name, function in list(vars(value).items()):
                line = getattr(getattr(function, "__code__", None), "co_firstlineno", None)
                if isinstance(line, int):
                    begins[f"{class_name}.{name}"] = f"lab3/{file}", line
    return questions.FunctionPlaces(places=begins)


def scales(question: questions.Scales) -> questions.ScaleResults:
    """Call ``scale_approximate``; every other call asks a fresh observer of the other type."""
    from lab3.observer import CusQuantObserver

    results: list[questions.ScaleResult] = []
    with stage("scale_approximate"):
        shared = CusQuantObserver(dtype=eager.QUINT8, qscheme=eager.PER_TENSOR_SYMMETRIC)
        for index, (scale, limit) in enumerate(question.calls):
            fresh = CusQuantObserver(dtype=eager.QINT8, qscheme=eager.PER_TENSOR_SYMMETRIC)
            observer = fresh if index % 2 else shared
            limits = {} if limit is None else {"max_shift_amount": limit}
            try:
                value = float(observer.scale_approximate(scale, **limits))
                results.append(questions.ScaleResult(value=value))
            except Exception as error:
                results.append(questions.ScaleResult(error=describe_error(error)))
    return questions.ScaleResults(results=results)


def ranges(question: questions.Ranges) -> questions.RangeScales:
    from lab3.observer import CusQuantObserver

    scales: list[tuple[float, float]] = []
    with stage("calculate_qparams"):
        for least, greatest, dtype in question.observed:
            kind = {"dtype": getattr(torch, dtype), "qscheme": eager.PER_TENSOR_SYMMETRIC}
            observer = CusQuantObserver(**kind)
            observer(torch.tensor([least, greatest]))
            exact = 2 * max(abs(least), abs(greatest)) / 255
            approximated = CusQuantObserver(**kind).scale_approximate(exact)
            scales.append((float(observer.calculate_qparams()[0]), float(approximated)))
    return questions.RangeScales(scales=scales)


def block(question: questions.Block) -> questions.BlockRun:
    from lab3.resnet import QuantizableBottleneck

    channels, seed, size = question.in_channels, question.seed, question.size
    with stage("build"):
        module = QuantizableBottleneck(channels, question.channels, question.stride)
        experiments.fill(module, seed)
    watched = FunctionalCalls(module)
    with stage("forward"), watched:
        output = module.eval()(experiments.images(seed + 1, 2, channels, size, size))
    gradients: dict[str, Tensor] = {}
    if question.has_gradients:
        with stage("backward"):
            weighted = (output * experiments.images(seed + 2, *output.shape)).sum()
            if weighted.requires_grad:
                weighted.backward()
            gradients = {
                name: torch.zeros_like(p) if p.grad is None else p.grad
                for name, p in module.named_parameters()
            }
    return questions.BlockRun(output=output.detach(), functionals=watched.seen, gradients=gradients)


def build(
    layers: Sequence[int],
    num_classes: int,
    width: int,
    seed: int,
    stages: dict[str, nn.Module] | None = None,
) -> Any:
    """Return the student's network, perhaps with other stages, filled from the seed."""
    from lab3.resnet import QuantizableResNet

    with stage("build"):
        with experiments.without_initialisation():
            network = QuantizableResNet(tuple(layers), num_classes, width)
        for name, module in (stages or {}).items():
            setattr(network, name, module)
        experiments.fill(network, seed)
        return network.eval()


@torch.inference_mode()
def network(question: questions.Network) -> questions.Logits:
    module = plain(question)
    with stage("forward"):
        return questions.Logits(output=module(network_images(question.seed)).float())


def plain(question: questions.Network | questions.Int8Network) -> Any:
    """Return the student's network with one plain convolution of ours for each stage."""
    stages = experiments.plain_stages(question.width)
    return build(SMALL_STAGES, question.num_classes, question.width, question.seed, stages)


def network_images(seed: int, batch: int = 2) -> Tensor:
    """Return the images that a network is tried with, (batch, 3, 32, 32)."""
    return experiments.images(seed + 1, batch, 3, 32, 32)


def addition(question: questions.Addition) -> questions.AdditionRun:
    from lab3.resnet import QuantizableBottleneck

    channels = 4 * question.channels
    with stage("build"):
        block: Any = QuantizableBottleneck(channels, question.channels)
        for functional in block.modules():
            if isinstance(functional, eager.FloatFunctional):
                functional.qconfig = eager.per_tensor_qconfig  # type: ignore[assignment]
        eager.prepare(block.eval(), inplace=True)
    pair = experiments.summands(question.seed, channels)
    watched = FunctionalCalls(block)
    with torch.inference_mode():
        with stage("add_relu"), watched:
            output = block.add_relu(*pair).float()
        with stage("convert"):
            eager.convert(block, inplace=True)
        run = questions.AdditionRun(output=output, functionals=watched.seen)
        try:
            with stage("add_relu in INT8"):
                integers = block.add_relu(*map(experiments.integers, pair)).int_repr()
        except Exception as error:
            return run.model_copy(update={"error": describe_error(error)})
    return run.model_copy(update={"integers": integers})


def int8_block(question: questions.Int8Block) -> questions.Converted:
    from lab3.resnet import QuantizableBottleneck

    with stage("build"):
        block = QuantizableBottleneck(question.in_channels, question.channels, question.stride)
        experiments.fill(block, question.seed)
        module = nn.Sequential(eager.QuantStub(), block, eager.DeQuantStub()).eval()
    return quantize(module, experiments.images(question.seed + 1, 2, question.in_channels, 8, 8))


def int8_network(question: questions.Int8Network) -> questions.Converted:
    return quantize(plain(question), network_images(question.seed))


def fusion(question: questions.Fusion) -> questions.Fused:
    layers, seed, is_qat = question.layers, question.seed, question.is_qat
    module = build(layers, question.num_classes, question.width, seed)
    shapes = {
        layer.conv: module.get_submodule(layer.conv).weight.shape  # (out, in, H, W)
        for layer in experiments.conv_layers(layers)
    }
    output: Tensor | None = None
    with stage("fuse_model"):
        module.train(is_qat)
        if is_qat:
            module.fuse_model(is_qat=True)
        else:
            module.fuse_model()
        with contextlib.suppress(Exception), torch.inference_mode():
            output = module.eval()(
                network_images(seed)
            ).float()  # layers are judged without it, too
    with stage("fused layers"):
        module.train(is_qat)
        tried = try_fused_layers(module, shapes, question) if question.tries_layers else {}
    trainable = [
        name
        for name, m in module.named_modules()
        if isinstance(m, nn.BatchNorm2d) and m.weight is not None and m.weight.requires_grad
    ]
    integers: dict[str, Tensor] = {}
    if question.tries_int8:
        with stage("convert"), Packing():
            module.qconfig = experiments.fixed_config()
            eager.convert(eager.prepare(module, inplace=True), inplace=True)
        with stage("INT8 layers"), torch.inference_mode():
            integers = integers_of(module, layers, seed)
    return questions.Fused(trainable=trainable, output=output, layers=tried, integers=integers)


@torch.no_grad()
def try_fused_layers(
    module: Any, shapes: dict[str, torch.Size], question: questions.Fusion
) -> dict[str, questions.FusedLayer]:
    """Try each convolution of a fused network alone, and what is left behind it."""
    tried: dict[str, questions.FusedLayer] = {}
    for layer in experiments.conv_layers(question.layers):
        out_channels, in_channels = shapes[layer.conv][:2]
        values = experiments.layer_input(question.seed, layer.conv, in_channels)
        front = module.get_submodule(layer.conv)(values)
        rest = experiments.layer_input(question.seed, layer.bn, out_channels)
        for name in filter(None, (layer.bn, layer.relu)):
            rest = module.get_submodule(name)(rest.clone())
        tried[layer.conv] = questions.FusedLayer(front=front, rest=rest)
    return tried


@torch.inference_mode()
def outputs(question: questions.Outputs) -> questions.FusionOutputs:
    module = build(question.layers, question.num_classes, question.width, question.seed)
    inputs = network_images(question.seed)
    before: Tensor | None = None
    with contextlib.suppress(Exception):
        before = module(inputs).float()
    with stage("fuse_model"):
        module.fuse_model()
    with stage("fused layers"):
        return questions.FusionOutputs(before=before, layers=experiments.walk(module, inputs))


def ptq(question: questions.Ptq) -> questions.Converted:
    layers, seed = question.layers, question.seed
    module = build(layers, question.num_classes, question.width, seed)
    config = eager.per_tensor_qconfig
    if question.observer == "student":
        from lab3.qconfig import CustomQConfig

        config = experiments.on_cpu(CustomQConfig.PTQ.value)
    inputs = network_images(seed, question.batch)
    has_copies = question.tries_layers
    with (
        stage("fuse_model"),
        contextlib.nullcontext() if has_copies else experiments.shared_copies(),
    ):
        module.fuse_model()
    with stage("prepare"):
        module.qconfig = config
        eager.prepare(module, inplace=True)
    with stage("calibrate"), torch.inference_mode():
        module(inputs)
    return convert(module, inputs, layers if question.tries_layers else (), seed)


def qat(question: questions.Qat) -> questions.Trained:
    """Train behind FakeQuantize, where a convolution's output lies on the grid of a scale."""
    layers, seed = question.layers, question.seed
    module = build(layers, question.num_classes, question.width, seed)
    from lab3.qconfig import CustomQConfig

    with stage("fuse_model"):
        module.train().fuse_model(is_qat=True)
    with stage("prepare_qat"):
        module.qconfig = experiments.on_cpu(CustomQConfig.QAT.value)
        eager.prepare_qat(module.train(), inplace=True)
    inputs = network_images(seed)
    with stage("training"):
        losses = train(module, inputs, torch.arange(2) % question.num_classes, question.steps)
    with stage("QAT layers"):
        module.apply(eager.disable_observer).eval()
        convolutions = {
            layer.conv: try_trained(module.get_submodule(layer.conv), layer.conv, seed)
            for layer in experiments.conv_layers(layers)
        }
    converted = convert(module, inputs, layers, seed)
    return questions.Trained(convolutions=convolutions, losses=losses, converted=converted)


def train(module: Any, inputs: Tensor, labels: Tensor, steps: int) -> list[float]:
    """Take steps of plain gradient descent, and return their losses."""
    losses = []
    for _ in range(steps):
        loss = F.cross_entropy(module(inputs), labels)
        module.zero_grad()
        loss.backward()
        with torch.no_grad():  # torch.optim would import a compiler that takes seconds to load
            for parameter in module.parameters():
                if parameter.grad is not None:
                    parameter -= 0.05 * parameter.grad
        losses.append(loss.item())
    return losses


@torch.no_grad()
def try_trained(convolution: Any, name: str, seed: int) -> questions.TrainedLayer:
    """Return a trained convolution's numbers, and what it computes alone."""
    numbers = {"weight": convolution.weight, "bias": convolution.bias}
    bn = getattr(convolution, "bn", None)
    if isinstance(bn, nn.BatchNorm2d):
        numbers |= {"gamma": bn.weight, "beta": bn.bias}
        numbers |= {"mean": bn.running_mean, "variance": bn.running_var}
    numbers = {key: v if v is None else v.detach().clone() for key, v in numbers.items()}
    values = experiments.layer_input(seed, name, convolution.weight.shape[1])
    watcher = getattr(convolution, "activation_post_process", None)
    scale = watcher.scale if isinstance(watcher, eager.FakeQuantize) else None
    return questions.TrainedLayer(
        **numbers,
        output=convolution(values),
        fake_scale=None if scale is None else float(scale.flatten()[0]),
    )


def checkpoint(question: questions.CheckpointFile) -> questions.Checkpoint:
    with stage("load"):
        content = io.BytesIO(question.content)
        state = torch.load(content, map_location="cpu", weights_only=True)
        if not isinstance(state, dict):
            raise TypeError(f"the file holds a {type(state).__name__}, not a state_dict")
        entries = {
            key: stored(part)
            for name, value in state.items()
            for key, part in parts(str(name), value)
        }
    return questions.Checkpoint(entries=entries)


def parts(name: str, value: Any) -> list[tuple[str, Tensor]]:
    """Return the tensors of an entry; a packed layer holds its weight and its bias."""
    if isinstance(value, Tensor):
        return [(name, value)]
    if isinstance(value, tuple | list):
        pairs = zip((f"{name}.weight", f"{name}.bias"), value, strict=False)
        return [(key, part) for key, part in pairs if isinstance(part, Tensor)]
    return []  # data types and versions


def stored(value: Tensor) -> questions.StoredTensor:
    """Return a tensor's numbers, and what else describes it."""
    value = value.detach()
    if not value.is_quantized:
        return questions.StoredTensor(values=value)
    integers = value.int_repr()
    if value.qscheme() == eager.PER_TENSOR:
        scale, zero_point = float(value.q_scale()), int(value.q_zero_point())
        return questions.StoredTensor(values=integers, scale=scale, zero_point=zero_point)
    axis, scales = int(value.q_per_channel_axis()), value.q_per_channel_scales()
    return questions.StoredTensor(values=integers, axis=axis, scales=scales)


PROBES: dict[type[questions.Question[Any]], Callable[[Any], questions.Answer]] = {
    questions.Places: places,
    questions.Scales: scales,
    questions.Ranges: ranges,
    questions.Block: block,
    questions.Network: network,
    questions.Addition: addition,
    questions.Int8Block: int8_block,
    questions.Int8Network: int8_network,
    questions.Fusion: fusion,
    questions.Outputs: outputs,
    questions.Ptq: ptq,
    questions.Qat: qat,
    questions.CheckpointFile: checkpoint,
}

# A recursion that never ends should be the student's error, not the process's end.
sys.setrecursionlimit(1000)
