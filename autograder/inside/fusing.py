"""Probes of ``fuse_model``: what each layer holds afterwards, and what it computes in INT8."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from autograder.inside import experiments, questions
from autograder.inside.building import (
    SMALL_STAGES,
    blank_block,
    bottleneck,
    build,
    network_images,
)
from autograder.inside.conversion import Packing, integers_of
from autograder.inside.experiments import ConvLayer
from autograder.inside.telling import floats_from, stage, submodule
from lab3 import eager


def block_fusion(question: questions.BlockFusion) -> questions.FusedBlock:
    module = bottleneck(question)
    shape = question.in_channels, question.channels, question.stride
    convolutions = experiments.block_layers(*shape)
    shapes = weight_shapes(module, convolutions)
    fuse(module, question.is_qat)
    with stage("fused layers"):
        layers = try_fused_layers(module, shapes, question.seed)
    if question.is_qat:
        return questions.FusedBlock(layers=with_rounded(layers, module, shapes, question.seed))
    return questions.FusedBlock(layers=layers, **path_integers(module, question))


@torch.inference_mode()
def path_integers(module: Any, question: questions.BlockFusion) -> dict[str, Tensor]:
    """Return the integers of each path of a fused block that computes in INT8."""
    integers: dict[str, Tensor] = {}
    values = experiments.input_of(question.seed, 2, question.in_channels, 8, 8)
    with stage("INT8 layers"), contextlib.suppress(Exception):
        experiments.prepare_at(module, question.grids)
        eager.convert(module, inplace=True)
        for path in experiments.PATHS:
            with contextlib.suppress(Exception):
                integers[path] = experiments.walk_integers(module, values, path)
    return integers


def fuse(module: Any, is_qat: bool) -> None:
    """Have a module fuse itself, as the lab's commands do; its mode stays what this leaves."""
    with stage("fuse_model"):
        module.train(is_qat)
        if is_qat:
            module.fuse_model(is_qat=True)
        else:
            module.fuse_model()
    thaw(module)


def thaw(module: nn.Module) -> None:
    """Make ordinary tensors of those made in inference mode, which nothing can be learned of."""
    for inner in module.modules():
        for name, tensor in (*inner._parameters.items(), *inner._buffers.items()):
            if tensor is None or not tensor.is_inference():
                continue
            if name in inner._parameters:
                inner._parameters[name] = nn.Parameter(tensor.clone(), tensor.requires_grad)
            else:
                inner._buffers[name] = tensor.clone()


def weight_shapes(module: Any, layers: Sequence[ConvLayer]) -> dict[ConvLayer, torch.Size]:
    """Return the shape of each convolution's weight, (out, in, H, W)."""
    return {layer: submodule(module, layer.conv).weight.shape for layer in layers}


def stem_fusion(question: questions.StemFusion) -> questions.FusedStem:
    width, seed, is_qat = question.width, question.seed, question.is_qat
    stages = {name: nn.Sequential(blank_block()) for name in experiments.plain_stages(width)}
    module = build(SMALL_STAGES, question.num_classes, width, seed, stages)
    shapes = weight_shapes(module, experiments.STEM)
    fuse(module, is_qat)
    with stage("fused layers"):
        tried = try_fused_layers(module, shapes, seed)
    if is_qat:
        return questions.FusedStem(layer=with_rounded(tried, module, shapes, seed)["conv1"])
    with stage("INT8 layers"), Packing():
        stem = nn.Module()
        stem.conv1 = module.conv1
        experiments.prepare_at_one(stem, seed)
        eager.convert(stem, inplace=True)
    with stage("INT8 layers"):
        integers = stem_integers(stem.conv1, seed)
    return questions.FusedStem(layer=tried["conv1"], integers=integers)


def stem_integers(convolution: Any, seed: int) -> Tensor | None:
    """Return what the stem's INT8 convolution computes alone, if it is one."""
    if not isinstance(convolution, eager.QuantizedConv2d):
        return None
    values = experiments.layer_input(seed, "conv1", 3)
    with torch.inference_mode():
        integers: Tensor = convolution(experiments.integers(values)).int_repr()
    return integers


def fusion(question: questions.Fusion) -> questions.FusedNetwork:
    layers, seed, is_qat = question.layers, question.seed, question.is_qat
    module = build(layers, question.num_classes, question.width, seed)
    shapes = weight_shapes(module, experiments.conv_layers(layers))
    fuse(module, is_qat)
    with stage("fused layers"):
        tried = try_fused_layers(module, shapes, seed)
    in_eval_mode = output_in_eval_mode(module, seed) if is_qat else None
    output: Tensor | None = None
    with contextlib.suppress(Exception), torch.no_grad(), put_back(module):
        # Without it the layers are judged all the same.
        output = floats_from(module, network_images(seed)).float().clone()
    integers: dict[str, Tensor] = {}
    if is_qat:
        tried = with_rounded(tried, module, shapes, seed)
    else:
        with stage("INT8 layers"), Packing(), torch.inference_mode():
            experiments.prepare_at_one(module, seed)
            eager.convert(module, inplace=True)
        with stage("INT8 layers"), torch.inference_mode():
            integers = integers_of(module, layers, seed)
    return questions.FusedNetwork(
        output=output, in_eval_mode=in_eval_mode, layers=tried, integers=integers
    )


def output_in_eval_mode(module: Any, seed: int) -> Tensor | None:
    """Return a network's output in eval mode unless forward raises; its modes stay as they are."""
    modes = [(inner, inner.training) for inner in module.modules()]
    output: Tensor | None = None
    with contextlib.suppress(Exception), torch.no_grad():
        output = floats_from(module.eval(), network_images(seed)).float().clone()
    for inner, is_training in modes:
        inner.training = is_training
    return output


Shapes = Mapping[ConvLayer, torch.Size]  # of the weights: (out, in, H, W)
Tried = dict[str, questions.FusedLayer]  # by the name of the convolution


@torch.no_grad()
def with_rounded(tried: Tried, module: Any, shapes: Shapes, seed: int) -> Tried:
    """Add what each convolution computes with its weight behind FakeQuantize, as far as it does.

    Its BatchNorm is in the weight that is rounded, when the two are one.
    """
    rounded: dict[str, Tensor] = {}
    with stage("fused layers"), contextlib.suppress(Exception):
        experiments.prepare_qat_weights(module)
        for layer, (_, in_channels, *_) in shapes.items():
            values = experiments.layer_input(seed, layer.conv, in_channels)
            rounded[layer.conv] = module.get_submodule(layer.conv)(values)
    return {
        name: layer.model_copy(update={"rounded": rounded.get(name)})
        for name, layer in tried.items()
    }


def try_fused_layers(module: Any, shapes: Shapes, seed: int) -> Tried:
    """Try each convolution of a fused module alone, and what is left behind it."""
    tried: Tried = {}
    with put_back(module):
        for layer, (out_channels, in_channels, *_) in shapes.items():
            convolution = submodule(module, layer.conv)
            front = convolution(experiments.layer_input(seed, layer.conv, in_channels))
            learned = batchnorm_gradients(convolution, front, seed)
            with torch.no_grad():
                rest = experiments.layer_input(seed, layer.bn, out_channels)
                for name in filter(None, (layer.bn, layer.relu)):
                    rest = submodule(module, name)(rest.clone())
            tried[layer.conv] = questions.FusedLayer(front=front.detach(), rest=rest, **learned)
    return tried


@contextlib.contextmanager
def put_back(module: nn.Module) -> Iterator[None]:
    """Put back what a pass in train mode changes: the statistics of BatchNorms."""
    state = {name: value.clone() for name, value in module.state_dict().items()}
    try:
        yield
    finally:
        module.load_state_dict(state)


def batchnorm_gradients(convolution: Any, front: Tensor, seed: int) -> dict[str, Tensor | None]:
    """Return what reaches the BatchNorm inside a fused convolution when it is trained."""
    inner = [m for m in convolution.modules() if isinstance(m, nn.BatchNorm2d)]
    if not front.requires_grad or not inner or inner[0].weight is None:
        return {}
    parameters = [inner[0].weight, inner[0].bias]
    if not all(parameter.requires_grad for parameter in parameters):
        return {}
    weighted = (front * experiments.images(seed + 2, *front.shape)).sum()
    gamma, beta = torch.autograd.grad(weighted, parameters, allow_unused=True)
    return {"gamma": gamma, "beta": beta}


@torch.inference_mode()
def outputs(question: questions.Outputs) -> questions.FusionOutputs:
    module = build(question.layers, question.num_classes, question.width, question.seed)
    inputs = network_images(question.seed)
    before: Tensor | None = None
    with contextlib.suppress(Exception):
        before = floats_from(module, inputs).float()
    with stage("fuse_model"):
        module.eval()  # whatever forward has left
        module.fuse_model()
    with stage("fused layers"):
        return questions.FusionOutputs(before=before, layers=experiments.walk(module, inputs))
