"""The closed list of questions that a worker answers about a student's code.

Each probe is one whole experiment: it builds what it needs, does it, and returns plain data. Only
the student's files are at work here, beside PyTorch and the given files; expected values, labels
and the rubric are never in this process.
"""

import contextlib
import io
import sys
import traceback
from collections.abc import Callable
from typing import Any

import torch
import torch.ao.nn.quantized as nnq
import torch.ao.quantization as tq
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn
from torch.ao.nn.quantized import FloatFunctional

from autograder import experiments

Answer = tuple[dict[str, Any], dict[str, Tensor]]
STUDENT_FILES = ("lab3/resnet.py", "lab3/observer.py")
TEXT_LENGTH = 2000


class Stage:
    """Remembers how far an experiment came, for the report of an error."""

    name = "import"


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


def describe_error(error: BaseException) -> dict[str, Any]:
    """Return what was raised, where in the student's files, and through which functions."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename in STUDENT_FILES]
    if isinstance(error, SyntaxError) and error.filename in STUDENT_FILES:
        place = (error.filename, error.lineno or 1, "")
    elif own:
        place = (own[-1].filename, own[-1].lineno or 1, own[-1].name)
    else:
        place = ("", 0, "")
    try:
        message = str(error)
    except BaseException:
        message = "(its message can't be shown)"
    return {
        "type": type(error).__name__[:100],
        "message": message[:TEXT_LENGTH],
        "stage": Stage.name,
        "file": place[0],
        "line": place[1],
        "function": place[2][:100],
        "is_stub": type(error) is NotImplementedError and bool(own) and frames[-1] is own[-1],
        "through": [frame.name[:100] for frame in frames[-8:]],
    }


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
        limits = () if limit is None else (limit,)
        try:
            result = observer.scale_approximate(float.fromhex(text), *limits)
            results.append({"value": float(result).hex()})
        except Exception as error:
            results.append({"error": describe_error(error)})
    return {"results": results}, {}


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


class FunctionalCalls:
    """Watches which FloatFunctional a forward pass uses: the module's own, or others."""

    def __init__(self, module: nn.Module) -> None:
        self.own = {id(m): n for n, m in module.named_modules() if isinstance(m, FloatFunctional)}
        self.seen: list[list[str]] = []
        self.originals = {name: getattr(FloatFunctional, name) for name in ("add", "add_relu")}

    def __enter__(self) -> None:
        for name, original in self.originals.items():
            setattr(FloatFunctional, name, self.watch(name, original))

    def __exit__(self, *exception: object) -> None:
        for name, original in self.originals.items():
            setattr(FloatFunctional, name, original)

    def watch(self, name: str, original: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def watched(functional: FloatFunctional, *tensors: Tensor) -> Tensor:
            if len(self.seen) < 100:
                self.seen.append([self.own.get(id(functional), ""), name])
            return original(functional, *tensors)

        return watched


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


def quantize(module: Any, inputs: Tensor) -> Answer:
    """Prepare, calibrate and convert a module with PyTorch's observers, without fusing it."""
    Stage.name = "prepare"
    module.qconfig = experiments.stock_config()
    tq.prepare(module, inplace=True)
    Stage.name = "calibrate"
    with torch.inference_mode():
        module(inputs)
    return convert(module, inputs, [], 0)


def fuse(
    layers: list[int], num_classes: int, width: int, seed: int, is_qat: bool, try_int8: bool = False
) -> Answer:
    """The network fused for PTQ (eval mode) or QAT (train mode), each convolution tried alone.

    ``front`` is what a convolution's module computes; ``rest`` is what the modules of its
    BatchNorm and of its ReLU then still do. With ``try_int8``, the fused network is converted at
    fixed activation scales, for which nothing has to be calibrated, and tried once more.
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
        for layer in convolutions:
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
        tq.convert(tq.prepare(module, inplace=True), inplace=True)
        Stage.name = "INT8 layers"
        with torch.inference_mode():
            tried_int8 = try_integer_layers(module, layers, seed)
        tensors |= {f"INT8 {name}": values for name, values in tried_int8.items()}
    return {"trainable": trainable}, tensors


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

        config = CustomQConfig.PTQ.value
    else:
        config = experiments.stock_config()
    inputs = experiments.images(seed + 1, batch, 3, 32, 32)
    Stage.name = "fuse_model"
    module.fuse_model()
    Stage.name = "prepare"
    module.qconfig = config
    tq.prepare(module, inplace=True)
    Stage.name = "calibrate"
    with torch.inference_mode():
        module(inputs)
    return convert(module, inputs, layers if try_layers else [], seed)


@torch.inference_mode()
def convert(module: Any, inputs: Tensor, layers: list[int], seed: int) -> Answer:
    """Convert a prepared network: qparams, what each INT8 layer computes alone, and the logits.

    A forward pass that fails is reported beside the rest: the layers were converted all the same.
    """
    Stage.name = "convert"
    tq.convert(module.eval(), inplace=True)
    report: dict[str, Any] = {"qparams": qparams(module)}
    Stage.name = "INT8 layers"
    tensors = try_integer_layers(module, layers, seed)
    Stage.name = "INT8 forward"
    try:
        output = module(inputs)
        report["returns_integers"] = bool(output.is_quantized)
        tensors["output"] = (output.dequantize() if output.is_quantized else output).float()
    except Exception as error:
        report["forward_error"] = describe_error(error)
    return report, tensors


def try_integer_layers(module: Any, layers: list[int], seed: int) -> dict[str, Tensor]:
    """Return the integers that the input quantizer and each INT8 layer compute alone."""
    tried: dict[str, Tensor] = {}
    for layer in experiments.conv_layers(layers) if layers else []:
        convolution = module.get_submodule(layer.conv)
        if not isinstance(convolution, nnq.Conv2d):
            continue
        values = experiments.layer_input(seed, layer.conv, convolution.in_channels)
        tried[layer.conv] = convolution(experiments.integers(values)).int_repr()
        if layer.conv.endswith("conv3"):
            name = layer.conv.replace("conv3", "skip_add_relu")
            functional = module.get_submodule(name)
            if isinstance(functional, nnq.QFunctional):
                shape = convolution.out_channels
                pair = (experiments.layer_input(seed, f"{name}.{n}", shape) for n in "ab")
                out = functional.add_relu(*(experiments.integers(values) for values in pair))
                tried[name] = out.int_repr()
    if layers and isinstance(module.quant, nnq.Quantize):
        tried["quant"] = module.quant(experiments.layer_input(seed, "quant", 3)).int_repr()
    if layers and isinstance(module.fc, nnq.Linear):
        values = experiments.images(seed, 4, module.fc.in_features)
        tried["fc"] = module.fc(experiments.integers(values)).int_repr()
    return tried


def qparams(module: nn.Module) -> dict[str, dict[str, Any]]:
    """Return scale and zero point of each INT8 module, and those of its weight."""
    found: dict[str, dict[str, Any]] = {}
    for name, inner in module.named_modules():
        if not hasattr(inner, "scale") or not hasattr(inner, "zero_point"):
            continue
        entry = {"scale": number(inner.scale), "zero_point": int(inner.zero_point)}
        if isinstance(inner, nnq.Conv2d | nnq.Linear):
            weight = inner.weight()
            entry["per_tensor"] = weight.qscheme() == torch.per_tensor_affine
            if entry["per_tensor"]:
                entry["weight_scale"] = number(weight.q_scale())
                entry["weight_zero_point"] = int(weight.q_zero_point())
        found[name] = entry
    return found


def number(value: Any) -> str:
    """Return a float as hexadecimal text: exact, and JSON has no nan."""
    return float(value).hex()


def qat(layers: list[int], num_classes: int, width: int, seed: int, steps: int) -> Answer:
    """Quantization-aware training: a few steps, then each convolution alone, then conversion.

    Behind FakeQuantize, the output of a convolution lies on the grid of a scale.
    """
    module = build(layers, num_classes, width, seed)
    Stage.name = "import"
    from lab3.qconfig import CustomQConfig

    Stage.name = "fuse_model"
    module.train().fuse_model(is_qat=True)
    Stage.name = "prepare_qat"
    module.qconfig = CustomQConfig.QAT.value
    tq.prepare_qat(module.train(), inplace=True)
    inputs = experiments.images(seed + 1, 4, 3, 32, 32)
    labels = torch.arange(4) % num_classes
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
    report, converted = convert(module, inputs[:2], layers, seed)
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
        block,
        network,
        int8_block,
        int8_network,
        fuse,
        ptq,
        qat,
        checkpoint,
    )
}

# A recursion that never ends should be the student's error, not the process's end.
sys.setrecursionlimit(1000)
