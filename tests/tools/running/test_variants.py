"""Runs for comparison: what they do otherwise, and that they are read back as what they are."""

from pathlib import Path

import pytest
import torch
from torch import nn

from lab3 import eager
from lab3.data import ImageData
from lab3.log.records import DataRecord, Start, Variant
from lab3.quantize import calibrate
from lab3.resnet import build_network
from tests.making.logs.records import start
from tools.running import networks
from tools.running.variants import prepare_default_qat, prepare_variant
from tools.running.workspace import save_checkpoint

Network = nn.Module


def converted(data: ImageData, variant: Variant) -> Network:
    torch.manual_seed(0)
    network = prepare_variant(build_network("resnet14", width=4), variant)
    calibrate(network, data, 16)
    return eager.convert(network, inplace=True).eval()


def scales(network: Network) -> list[float]:
    layers = [m for m in network.modules() if isinstance(m, eager.QuantizedConv2d)]
    return [s for layer in layers for s in (layer.scale, layer.weight().q_scale())]


@pytest.mark.parametrize("limit", [4, 6, 10])
def test_scales_stay_within_another_limit(digits: ImageData, limit: int) -> None:
    got = scales(converted(digits, Variant(max_shift_amount=limit)))
    usual = scales(converted(digits, Variant()))
    assert min(got) >= 2.0**-limit
    assert all(torch.frexp(torch.tensor(scale)).mantissa == 0.5 for scale in got)
    if limit < 8:
        assert got == [max(scale, 2.0**-limit) for scale in usual] or min(usual) < min(got)


def test_nothing_fused_keeps_every_batch_norm(digits: ImageData) -> None:
    before = build_network("resnet14", width=4)
    count = sum(isinstance(m, nn.BatchNorm2d) for m in before.modules())
    network = converted(digits, Variant(is_fused=False))
    kept = [m for m in network.modules() if type(m).__name__ == "BatchNorm2d"]
    assert len(kept) == count
    fused = converted(digits, Variant())
    assert not [m for m in fused.modules() if type(m).__name__ == "BatchNorm2d"]


@pytest.mark.parametrize("variant", [Variant(is_fused=False), Variant(max_shift_amount=5)])
def test_a_checkpoint_is_read_back_as_the_network_that_it_is(
    tmp_path: Path, digits: ImageData, variant: Variant
) -> None:
    network = converted(digits, variant)
    save_checkpoint(tmp_path, network)
    log: Start = start(kind="ptq", width=4, qconfig="ptq", variant=variant, hyperparameters=None)
    again = networks.load(tmp_path, log)
    images = digits.normalise(digits.test.images[:8])
    assert torch.equal(network(images), again(images))


@pytest.mark.filterwarnings("ignore:Please use quant_min and quant_max")  # PyTorch's own default
def test_the_default_for_qat_rounds_each_channel_by_itself() -> None:
    network = prepare_default_qat(build_network("resnet14", width=4).eval())
    fakes = [m for m in network.modules() if isinstance(m, eager.FakeQuantize)]
    assert any(fake.is_per_channel for fake in fakes)
    assert any(not fake.is_per_channel for fake in fakes)


def test_a_log_tells_that_a_run_is_for_comparison() -> None:
    data = DataRecord(name="digits", train=1, validation=1, test=1, fingerprint="0" * 64)
    line = start(data=data, variant=Variant(max_shift_amount=4)).model_dump_json()
    assert Start.model_validate_json(line).variant == Variant(max_shift_amount=4)
    assert Start.model_validate_json(start().model_dump_json()).variant is None
