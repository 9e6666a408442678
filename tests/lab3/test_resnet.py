"""The reference networks: forward against torchvision, fusion, sizes."""

import copy
import io

import pytest
import torch
import torchvision
from torch import Tensor, nn

from lab3.qconfig import CustomQConfig
from lab3.quantize import empty_int8, prepare_ptq
from lab3.resnet import QuantizableResNet, build_network
from tests.making.networks import randomised


def images(count: int = 4) -> Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(2))


def saved_megabytes(network: nn.Module) -> float:
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    return round(file.tell() / 1e6, 2)


@pytest.mark.parametrize("layers", [(1, 1, 1, 1), (2, 1, 3, 2)])
def test_forward_equals_torchvisions_resnet_with_a_small_stem(layers: tuple[int, ...]) -> None:
    ours = randomised(QuantizableResNet(layers, num_classes=7)).eval()
    bottleneck = torchvision.models.resnet.Bottleneck
    theirs = torchvision.models.ResNet(bottleneck, list(layers), num_classes=7)
    theirs.conv1, theirs.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    missing = theirs.load_state_dict(ours.state_dict(), strict=False)
    assert not missing.missing_keys
    assert not missing.unexpected_keys
    with torch.inference_mode():
        # Both run the same operations in the same order: no tolerance is needed.
        assert torch.equal(ours(images()), theirs.eval()(images()))


@pytest.mark.parametrize("width", [8, 24])
def test_the_output_does_not_change_when_fused_for_ptq(width: int) -> None:
    network = randomised(build_network("resnet14", width=width)).eval()
    fused = copy.deepcopy(network)
    fused.fuse_model()
    assert not [m for m in fused.modules() if isinstance(m, nn.BatchNorm2d | nn.ReLU6)]
    assert not [m for m in fused.modules() if type(m) is nn.Conv2d and m.bias is None]
    with torch.inference_mode():
        expected, got = network(images()), fused(images())
    # Folding BatchNorm rounds weights once more: some units in the last place of 1e-7.
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def test_the_output_does_not_change_when_fused_for_qat() -> None:
    network = randomised(build_network("resnet14", width=8)).train()
    fused = copy.deepcopy(network)
    fused.fuse_model(is_qat=True)
    norms = [m for m in fused.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == len([m for m in network.modules() if isinstance(m, nn.BatchNorm2d)])
    assert all(norm.weight.requires_grad for norm in norms)
    torch.testing.assert_close(fused(images()), network(images()), rtol=1e-4, atol=1e-4)


def test_resnet50_has_the_lab_s_parameters_and_file_sizes() -> None:
    network = build_network("resnet50")
    assert sum(p.numel() for p in network.parameters()) == 23_520_842
    assert saved_megabytes(network) == 94.40
    prepared = prepare_ptq(copy.deepcopy(network))
    assert saved_megabytes(prepared) == 94.09
    assert saved_megabytes(empty_int8(copy.deepcopy(network), CustomQConfig.PTQ)) == 23.66
    assert saved_megabytes(empty_int8(copy.deepcopy(network), CustomQConfig.DEFAULT)) == 24.11
    network.fuse_model = lambda: None
    assert saved_megabytes(empty_int8(network, CustomQConfig.PTQ)) == 24.07


def test_an_unknown_architecture_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'resnet18': choose from resnet50, resnet14"):
        build_network("resnet18")
