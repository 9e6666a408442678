"""How the worker finds the answer to each question about a student's code.

Each probe is one whole experiment: it builds what it needs, does it, and returns plain data. Only
the student's files are at work here, beside PyTorch and the given files; expected values, labels
and the rubric are never in this process.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn

from autograder.inside import experiments, questions, telling
from autograder.inside.building import bottleneck, build, network_images, plain
from autograder.inside.conversion import convert, run_int8, stub_places
from autograder.inside.fusing import block_fusion, fuse, fusion, outputs, stem_fusion
from autograder.inside.saved import checkpoint
from autograder.inside.telling import (
    ReturnedError,
    code_of,
    describe_error,
    floats_from,
    number_from,
    stage,
    submodule,
    tensor_from,
)
from autograder.inside.values import Answer, Question
from autograder.inside.watching import FunctionalCalls
from lab3 import eager


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
                line = getattr(code_of(function), "co_firstlineno", None)
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
                value = number_from(observer.scale_approximate, scale, **limits)
                results.append(questions.ScaleResult(value=value))
            except Exception as error:
                results.append(questions.ScaleResult(error=describe_error(error)))
    return questions.ScaleResults(results=results)


def ranges(question: questions.Ranges) -> questions.RangeScales:
    from lab3.observer import CusQuantObserver

    scales: list[float] = []
    zero_points: list[int] = []
    with stage("calculate_qparams"):
        for least, greatest, dtype in question.observed:
            kind = {"dtype": getattr(torch, dtype), "qscheme": eager.PER_TENSOR_SYMMETRIC}
            observer = CusQuantObserver(**kind)
            observer(torch.tensor([least, greatest]))
            scale, zero_point = qparams_of(observer)
            scales.append(float(scale))
            zero_points.append(int(zero_point))
    return questions.RangeScales(scales=scales, zero_points=zero_points)


def qparams_of(observer: Any) -> tuple[Tensor, Tensor]:
    """Return an observer's scale and zero point; raise ReturnedError when they are no tensors."""
    returned = observer.calculate_qparams()
    pair = returned if isinstance(returned, tuple | list) else [returned]
    if len(pair) != 2:
        raise ReturnedError(observer.calculate_qparams, returned, "a scale and a zero point")
    for value in pair:
        if not isinstance(value, Tensor):
            raise ReturnedError(observer.calculate_qparams, value, "a tensor")
    return pair[0], pair[1]


@contextlib.contextmanager
def own_qparams() -> Iterator[None]:
    """Tell Python numbers from ``calculate_qparams`` where they come from, not in PyTorch."""
    from lab3.observer import CusQuantObserver

    try:
        yield
    except (AttributeError, TypeError):
        with stage("calculate_qparams"):
            observer = CusQuantObserver(dtype=eager.QUINT8, qscheme=eager.PER_TENSOR_SYMMETRIC)
            observer(torch.tensor([-1.0, 2.0]))
            qparams_of(observer)
        raise


def block(question: questions.Block) -> questions.CaseOutputs:
    return outputs_of(bottleneck(question), question.in_channels, question.seed, question.cases)


def outputs_of(
    module: Any, channels: int, seed: int, cases: Sequence[questions.Case]
) -> questions.CaseOutputs:
    """Try a module in each case; between two in the same mode its mode is left alone."""
    outputs, mode = [], None
    for case in cases:
        if case.is_training != mode:
            module.train(case.is_training)
        mode = case.is_training
        inputs = experiments.input_of(seed, case.batch, channels, case.size, case.size)
        with stage("forward"), torch.no_grad():
            outputs.append(floats_from(module, inputs).clone())
    return questions.CaseOutputs(outputs=outputs)


def gradients(question: questions.Gradients) -> questions.GradientRun:
    inputs = experiments.input_of(question.seed, 2, question.in_channels, 8, 8)
    return gradients_of(partial(bottleneck, question), inputs, question.seed)


def network_gradients(question: questions.NetworkGradients) -> questions.GradientRun:
    return gradients_of(partial(plain, question), network_images(question.seed), question.seed)


def gradients_of(make: Callable[[], Any], inputs: Tensor, seed: int) -> questions.GradientRun:
    """Return a module's output, and the gradients of a weighted sum of it.

    They are float64's, unless its forward computes in float32 alone: that is allowed.
    """
    try:
        return weighted_gradients(make().double(), inputs.double().requires_grad_(), seed)
    except RuntimeError:
        run = weighted_gradients(make(), inputs.clone().requires_grad_(), seed)
    gradients = {name: gradient.double() for name, gradient in run.gradients.items()}
    return questions.GradientRun(output=run.output.double(), gradients=gradients)


def weighted_gradients(module: Any, inputs: Tensor, seed: int) -> questions.GradientRun:
    parameters = {**dict(module.named_parameters()), "input": inputs}
    with stage("forward"):
        output = floats_from(module, inputs)
    with stage("backward"):
        weighted = (output * experiments.images(seed + 2, *output.shape)).sum()
        if weighted.requires_grad:
            weighted.backward()
    reached = {
        name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in parameters.items()
    }
    return questions.GradientRun(output=output.detach().clone(), gradients=reached)


def network(question: questions.Network) -> questions.CaseOutputs:
    return outputs_of(plain(question), 3, question.seed, question.cases)


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
            output = tensor_from(block.add_relu, *pair).float()
        with stage("convert"):
            eager.convert(block, inplace=True)
        run = questions.AdditionRun(output=output, functionals=watched.seen)
        watched = FunctionalCalls(block, eager.QuantizedFunctional)
        try:
            with stage("add_relu in INT8"), watched:
                summed = tensor_from(block.add_relu, *map(experiments.integers, pair))
                integers = summed.int_repr()
        except Exception as error:
            return run.model_copy(update={"error": describe_error(error)})
    return run.model_copy(update={"integers": integers, "int8_functionals": watched.seen})


def int8_block(question: questions.Int8Block) -> questions.Int8Run:
    block = bottleneck(question)
    module = nn.Sequential(eager.QuantStub(), block, eager.DeQuantStub()).eval()
    inputs = experiments.input_of(question.seed, 2, question.in_channels, 8, 8)
    return run_int8(module, inputs, question.grids)


def int8_network(question: questions.Int8Network) -> questions.Int8NetworkRun:
    module, inputs = plain(question), network_images(question.seed, question.batch)
    with stage("forward"):
        stubs = stub_places(module, inputs)
    run = run_int8(module, inputs, question.grids)
    return questions.Int8NetworkRun(**dict(run), stubs=stubs)


def int8_logits(question: questions.Int8Logits) -> questions.Int8Run:
    module = build(question.layers, question.num_classes, question.width, question.seed)
    with stage("fuse_model"):
        module.fuse_model()
    return run_int8(module, network_images(question.seed, question.batch), question.grids)


def ptq(question: questions.Ptq) -> questions.Converted:
    layers, seed = question.layers, question.seed
    module = build(layers, question.num_classes, question.width, seed)
    from lab3.qconfig import CustomQConfig

    inputs = network_images(seed)
    fuse(module, is_qat=False)
    module.eval()
    with stage("prepare"):
        module.qconfig = experiments.on_cpu(CustomQConfig.PTQ.value)
        eager.prepare(module, inplace=True)
    with stage("calibrate"), torch.inference_mode():
        module(inputs)
    with own_qparams():
        return convert(module, inputs, layers, seed)


def qat(question: questions.Qat) -> questions.Trained:
    """Train behind FakeQuantize, where a convolution's output lies on the grid of a scale."""
    layers, seed = question.layers, question.seed
    module = build(layers, question.num_classes, question.width, seed)
    from lab3.qconfig import CustomQConfig

    fuse(module, is_qat=True)
    with stage("prepare_qat"), own_qparams():
        module.qconfig = experiments.on_cpu(CustomQConfig.QAT.value)
        eager.prepare_qat(module.train(), inplace=True)
    inputs = network_images(seed)
    with stage("training"), own_qparams():
        losses = train(module, inputs, experiments.labels(2, question.num_classes), question.steps)
    with stage("QAT layers"):
        module.apply(eager.disable_observer).eval()
        convolutions = {
            layer.conv: try_trained(submodule(module, layer.conv), layer.conv, seed)
            for layer in experiments.conv_layers(layers)
        }
    with own_qparams():
        converted = convert(module, inputs, layers, seed)
    return questions.Trained(convolutions=convolutions, losses=losses, converted=converted)


def train(module: Any, inputs: Tensor, labels: Tensor, steps: int) -> list[float]:
    """Take steps of plain gradient descent, and return their losses."""
    losses = []
    for _ in range(steps):
        loss = loss_of(module, inputs, labels)
        module.zero_grad()
        loss.backward()
        with torch.no_grad():  # torch.optim would import a compiler that takes seconds to load
            for parameter in module.parameters():
                if parameter.grad is not None:
                    parameter -= 0.05 * parameter.grad
        losses.append(loss.item())
    return losses


def loss_of(module: Any, inputs: Tensor, labels: Tensor) -> Tensor:
    """Return the loss of a network's logits; raise ReturnedError for what has none."""
    logits = tensor_from(module, inputs)
    try:
        loss = F.cross_entropy(logits, labels)
    except (IndexError, RuntimeError, ValueError):
        raise ReturnedError(module.forward, logits, f"logits of {len(labels)} images") from None
    if not loss.requires_grad:
        raise ReturnedError(module.forward, logits, "one that gradients flow through")
    return loss


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


PROBES: dict[type[Question[Any]], Callable[[Any], Answer]] = {
    questions.Places: places,
    questions.Scales: scales,
    questions.Ranges: ranges,
    questions.Block: block,
    questions.Gradients: gradients,
    questions.NetworkGradients: network_gradients,
    questions.Network: network,
    questions.Addition: addition,
    questions.Int8Block: int8_block,
    questions.Int8Network: int8_network,
    questions.Int8Logits: int8_logits,
    questions.BlockFusion: block_fusion,
    questions.StemFusion: stem_fusion,
    questions.Fusion: fusion,
    questions.Outputs: outputs,
    questions.Ptq: ptq,
    questions.Qat: qat,
    questions.CheckpointFile: checkpoint,
}

# A recursion that never ends should be the student's error, not the process's end.
sys.setrecursionlimit(1000)
