"""The closed list of questions that a worker answers about a student's code.

Each probe is one whole experiment: it builds what it needs, does it, and returns plain data. Only
the student's files are at work here, beside PyTorch and the given files; expected values, labels
and the rubric are never in this process.
"""

import contextlib
import io
import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.ao.quantization as tq
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn
from torch.ao.nn.quantized import FloatFunctional

from autograder.inside import experiments
from autograder.inside.conversion import Packing, convert, quantize, try_integer_layers
from autograder.inside.telling import Answer, Stage, describe_error, number
from autograder.inside.watching import FunctionalCalls


def answer(probe: str, arguments: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header and body that answer a probe; what student code raises is an answer too."""
    Stage.name = "import"
    try:
        if body:
            arguments["content"] = body
        data, tensors = PROBES[probe](**arguments)
        return {"answer": data}, save({k: v.contiguous() for k, v in tensors.items()})
    except BaseException as error:  # SystemExit and KeyboardInterrupt are the student's too
        return {"error": describe_error(error)}, b""


def places() -> Answer:
    """Where the functions that students write begin, as far as their files can be imported."""
    found: dict[str, list[Any]] = {}
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
                    found[f"{class_name}.{name}"] = [f"lab3/{file}", line]
    return {"places": found}, {}


def scales(calls: list[list[Any]]) -> Answer:
    """What ``scale_approximate`` returns for each [scale as hex text, max_shift_amount or None].

    Every other call asks a fresh observer of the other type.
    """
    from lab3.observer import CusQuantObserver

    Stage.name = "scale_approximate"
    shared = CusQuantObserver(dtype=torch.quint8, qscheme=torch.per_tensor_symmetric)
    results: list[dict[str, Any]] = []
    for index, (text, limit) in enumerate(calls):
        fresh = CusQuantObserver(dtype=torch.qint8, qscheme=torch.per_tensor_symmetric)
        observer = fresh if index % 2 else shared
        limits = {} if limit is None else {"max_shift_amount": limit}
        try:
            result = observer.scale_approximate(float.fromhex(text), **limits)
            results.append({"value": float(result).hex()})
        except Exception as error:
            results.append({"error": describe_error(error)})
    return {"results": results}, {}


def ranges(observed: list[list[str]]) -> Answer:
    """The scale that ``calculate_qparams`` gives for each [least, greatest value seen, dtype].

    Numbers are hexadecimal text; the scale is followed by what ``scale_approximate`` makes of
    ``2*m/255`` with ``m = max(|least|, |greatest|)``.
    """
    from lab3.observer import CusQuantObserver

    Stage.name = "calculate_qparams"
    scales: list[list[str]] = []
    for *seen, dtype in observed:
        kind = {"dtype": getattr(torch, dtype), "qscheme": torch.per_tensor_symmetric}
        observer = CusQuantObserver(**kind)
        values = [float.fromhex(value) for value in seen]
        observer(torch.tensor(values))
        approximated = CusQuantObserver(**kind).scale_approximate(2 * max(map(abs, values)) / 255)
        scales.append([number(observer.calculate_qparams()[0]), number(approximated)])
    return {"scales": scales}, {}


def block(
    in_channels: int, channels: int, stride: int, seed: int, size: int, gradients: bool
) -> Answer:
    """One bottleneck in FP32: its output in eval mode, and the gradients of a weighted sum."""
    from lab3.resnet import QuantizableBottleneck

    Stage.name = "build"
    module = QuantizableBottleneck(in_channels, channels, stride)
    experiments.fill(module, seed)
    Stage.name = "forward"
    watched = FunctionalCalls(module)
    with watched:
        output = module.eval()(experiments.images(seed + 1, 2, in_channels, size, size))
    tensors = {"output": output.detach()}
    if gradients:
        Stage.name = "backward"
        weighted = (output * experiments.images(seed + 2, *output.shape)).sum()
        if weighted.requires_grad:
            weighted.backward()
        tensors |= {
            f"gradient of {name}": torch.zeros_like(p) if p.grad is None else p.grad
            for name, p in module.named_parameters()
        }
    return {"functionals": watched.seen}, tensors


def build(
    layers: list[int],
    num_classes: int,
    width: int,
    seed: int,
    stages: dict[str, nn.Module] | None = None,
) -> Any:
    """Return the student's network, perhaps with other stages, filled from the seed."""
    from lab3.resnet import QuantizableResNet

    Stage.name = "build"
    with experiments.without_initialisation():
        network = QuantizableResNet(tuple(layers), num_classes, width)
    for name, stage in (stages or {}).items():
        setattr(network, name, stage)
    experiments.fill(network, seed)
    return network.eval()


@torch.inference_mode()
def network(num_classes: int, width: int, seed: int) -> Answer:
    """The network's own forward in FP32: each stage is one plain convolution of ours."""
    stages = experiments.plain_stages(width)
    module = build([1, 1, 1, 1], num_classes, width, seed, stages)
    Stage.name = "forward"
    return {}, {"output": module(experiments.images(seed + 1, 2, 3, 32, 32)).float()}


def addition(channels: int, seed: int) -> Answer:
    """``add_relu`` alone, in FP32 while observed and then in INT8; ``forward`` takes no part."""
    from lab3.resnet import QuantizableBottleneck

    Stage.name = "build"
    block: Any = QuantizableBottleneck(4 * channels, channels)
    for functional in block.modules():
        if isinstance(functional, FloatFunctional):
            functional.qconfig = experiments.stock_config()  # type: ignore[assignment]
    tq.prepare(block.eval(), inplace=True)
    pair = experiments.summands(seed, 4 * channels)
    Stage.name = "add_relu"
    watched = FunctionalCalls(block)
    with torch.inference_mode():
        with watched:
            tensors = {"output": block.add_relu(*pair).float()}
        report: dict[str, Any] = {"functionals": watched.seen}
        Stage.name = "convert"
        tq.convert(block, inplace=True)
        Stage.name = "add_relu in INT8"
        try:
            tensors["INT8"] = block.add_relu(*map(experiments.integers, pair)).int_repr()
        except Exception as error:
            report["forward_error"] = describe_error(error)
    return report, tensors


def int8_block(in_channels: int, channels: int, stride: int, seed: int) -> Answer:
    """One bottleneck between stubs of ours, quantized as it is with PyTorch's observers."""
    from lab3.resnet import QuantizableBottleneck

    Stage.name = "build"
    block = QuantizableBottleneck(in_channels, channels, stride)
    experiments.fill(block, seed)
    module = nn.Sequential(tq.QuantStub(), block, tq.DeQuantStub()).eval()
    return quantize(module, experiments.images(seed + 1, 2, in_channels, 8, 8))


def int8_network(num_classes: int, width: int, seed: int) -> Answer:
    """The network's own forward in INT8, with one plain convolution of ours for each stage."""
    stages = experiments.plain_stages(width)
    module = build([1, 1, 1, 1], num_classes, width, seed, stages)
    return quantize(module, experiments.images(seed + 1, 2, 3, 32, 32))


def fuse(
    layers: list[int],
    num_classes: int,
    width: int,
    seed: int,
    is_qat: bool,
    try_layers: bool,
    try_int8: bool = False,
) -> Answer:
    """The network fused for PTQ (eval mode) or QAT (train mode), each convolution tried alone.

    With ``try_layers``, ``front`` is what a convolution's module computes, and ``rest`` is what the
    modules of its BatchNorm and of its ReLU then still do. With ``try_int8``, the fused network is
    converted at fixed activation scales, for which nothing has to be calibrated, and tried again.
    """
    module = build(layers, num_classes, width, seed)
    inputs = experiments.images(seed + 1, 2, 3, 32, 32)
    tensors = {}
    convolutions = experiments.conv_layers(layers)
    shapes = {layer.conv: module.get_submodule(layer.conv).weight.shape for layer in convolutions}
    Stage.name = "fuse_model"
    module.train(is_qat)
    if is_qat:
        module.fuse_model(is_qat=True)
    else:
        module.fuse_model()
    with contextlib.suppress(Exception), torch.inference_mode():
        tensors["after"] = module.eval()(inputs).float()  # layers are judged without forward, too
    Stage.name = "fused layers"
    module.train(is_qat)
    with torch.no_grad():
        for layer in convolutions if try_layers else []:
            tried = experiments.layer_input(seed, layer.conv, shapes[layer.conv][1])
            tensors[f"front of {layer.conv}"] = module.get_submodule(layer.conv)(tried)
            rest = experiments.layer_input(seed, layer.bn, shapes[layer.conv][0])
            for name in filter(None, (layer.bn, layer.relu)):
                rest = module.get_submodule(name)(rest.clone())
            tensors[f"rest of {layer.conv}"] = rest
    trainable = [
        name
        for name, m in module.named_modules()
        if isinstance(m, nn.BatchNorm2d) and m.weight is not None and m.weight.requires_grad
    ]
    if try_int8:
        Stage.name = "convert"
        module.qconfig = experiments.fixed_config()
        with Packing():
            tq.convert(tq.prepare(module, inplace=True), inplace=True)
        Stage.name = "INT8 layers"
        with torch.inference_mode():
            tried_int8 = try_integer_layers(module, layers, seed)
        tensors |= {f"INT8 {name}": values for name, values in tried_int8.items()}
    return {"trainable": trainable}, tensors


@torch.inference_mode()
def outputs(layers: list[int], num_classes: int, width: int, seed: int) -> Answer:
    """The network's output before fusing, and that of its fused layers without its ``forward``."""
    module = build(layers, num_classes, width, seed)
    inputs = experiments.images(seed + 1, 2, 3, 32, 32)
    tensors = {}
    with contextlib.suppress(Exception):
        tensors["before"] = module(inputs).float()
    Stage.name = "fuse_model"
    module.fuse_model()
    Stage.name = "fused layers"
    tensors["layers"] = experiments.walk(module, inputs)
    return {}, tensors


def ptq(
    layers: list[int],
    num_classes: int,
    width: int,
    seed: int,
    observer: str,
    batch: int = 2,
    try_layers: bool = False,
) -> Answer:
    """The network quantized after training, with PyTorch's observer or the student's."""
    module = build(layers, num_classes, width, seed)
    if observer == "student":
        Stage.name = "import"
        from lab3.qconfig import CustomQConfig

        config = experiments.on_cpu(CustomQConfig.PTQ.value)
    else:
        config = experiments.stock_config()
    inputs = experiments.images(seed + 1, batch, 3, 32, 32)
    Stage.name = "fuse_model"
    with contextlib.nullcontext() if try_layers else experiments.shared_copies():
        module.fuse_model()
    Stage.name = "prepare"
    module.qconfig = config
    tq.prepare(module, inplace=True)
    Stage.name = "calibrate"
    with torch.inference_mode():
        module(inputs)
    return convert(module, inputs, layers if try_layers else [], seed)


def qat(layers: list[int], num_classes: int, width: int, seed: int, steps: int) -> Answer:
    """Quantization-aware training: some steps, then each convolution alone, then conversion.

    Behind FakeQuantize, the output of a convolution lies on the grid of a scale.
    """
    module = build(layers, num_classes, width, seed)
    Stage.name = "import"
    from lab3.qconfig import CustomQConfig

    Stage.name = "fuse_model"
    module.train().fuse_model(is_qat=True)
    Stage.name = "prepare_qat"
    module.qconfig = experiments.on_cpu(CustomQConfig.QAT.value)
    tq.prepare_qat(module.train(), inplace=True)
    inputs = experiments.images(seed + 1, 2, 3, 32, 32)
    labels = torch.arange(2) % num_classes
    losses = []
    Stage.name = "training"
    for _ in range(steps):
        loss = F.cross_entropy(module(inputs), labels)
        module.zero_grad()
        loss.backward()
        with torch.no_grad():  # torch.optim would import a compiler that takes seconds to load
            for parameter in module.parameters():
                if parameter.grad is not None:
                    parameter -= 0.05 * parameter.grad
        losses.append(number(loss.item()))
    Stage.name = "QAT layers"
    module.apply(tq.disable_observer).eval()
    tensors: dict[str, Tensor] = {}
    fake: dict[str, str] = {}
    with torch.no_grad():
        for layer in experiments.conv_layers(layers):
            convolution = module.get_submodule(layer.conv)
            bn = getattr(convolution, "bn", None)
            of = {"weight": convolution.weight, "bias": convolution.bias}
            if isinstance(bn, nn.BatchNorm2d):
                of |= {"gamma": bn.weight, "beta": bn.bias}
                of |= {"mean": bn.running_mean, "var": bn.running_var}
            tensors |= {
                f"{what} of {layer.conv}": value.detach().clone()
                for what, value in of.items()
                if value is not None
            }
            values = experiments.layer_input(seed, layer.conv, convolution.weight.shape[1])
            tensors[f"output of {layer.conv}"] = convolution(values)
            watcher = getattr(convolution, "activation_post_process", None)
            if isinstance(watcher, tq.FakeQuantize):
                fake[layer.conv] = number(watcher.scale.flatten()[0])
    report, converted = convert(module, inputs, layers, seed)
    tensors |= {f"INT8 {name}": values for name, values in converted.items()}
    return {**report, "fake": fake, "losses": losses}, tensors


def checkpoint(content: bytes) -> Answer:
    """A saved ``state_dict`` as data: no class of it but tensors is ever built."""
    Stage.name = "load"
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if not isinstance(state, dict):
        raise TypeError(f"the file holds a {type(state).__name__}, not a state_dict")
    entries: dict[str, dict[str, Any]] = {}
    tensors: dict[str, Tensor] = {}
    for name, value in state.items():
        for key, part in parts(str(name), value):
            entries[key] = store(tensors, key, part)
    return {"entries": entries}, tensors


def parts(name: str, value: Any) -> list[tuple[str, Tensor]]:
    """Return the tensors of an entry; a packed layer holds its weight and its bias."""
    if isinstance(value, Tensor):
        return [(name, value)]
    if isinstance(value, tuple | list):
        named = zip((f"{name}.weight", f"{name}.bias"), value, strict=False)
        return [(key, part) for key, part in named if isinstance(part, Tensor)]
    return []  # data types and versions


def store(tensors: dict[str, Tensor], key: str, value: Tensor) -> dict[str, Any]:
    """Put a tensor's numbers into ``tensors``, and return what else describes it."""
    value = value.detach()
    if not value.is_quantized:
        tensors[key] = value
        return {}
    tensors[key] = value.int_repr()
    if value.qscheme() == torch.per_tensor_affine:
        return {"scale": number(value.q_scale()), "zero_point": int(value.q_zero_point())}
    tensors[f"{key}.scales"] = value.q_per_channel_scales()
    return {"axis": int(value.q_per_channel_axis())}


PROBES: dict[str, Callable[..., Answer]] = {
    function.__name__: function
    for function in (
        places,
        scales,
        ranges,
        block,
        network,
        addition,
        int8_block,
        int8_network,
        fuse,
        outputs,
        ptq,
        qat,
        checkpoint,
    )
}

# A recursion that never ends should be the student's error, not the process's end.
sys.setrecursionlimit(1000)
