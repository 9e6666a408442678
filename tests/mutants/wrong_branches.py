"""Faults in one branch only: a size, a stride, a limit, a mode or a way to fuse among others."""

from tests.mutants.edits import (
    ADD,
    BLOCK,
    FUSE_BLOCK,
    FUSE_NETWORK,
    NETWORK,
    OBSERVER,
    RESNET,
    SCALE,
    below,
    body,
    first,
    inside,
    last,
    text,
)
from tests.mutants.faults import Wrong, wrong
from tests.mutants.pieces import (
    EACH,
    GROUPS,
    HEAD,
    IDENTITY,
    LOOP,
    PATH3,
    RESULT,
    STAGES,
    STEM_FUSED,
    SUM,
)

MEETING = "return self.add_relu(out, identity)"
SHORTCUT = "if self.downsample is not None:"
BATCHNORMS = "for m in self.modules():\n    if isinstance(m, nn.BatchNorm2d):\n        "
NOTHING_IN_INT8 = "ptq: converts int8_logits; qat: converts"
HERE = 8 * " "  # a body's own margin

BRANCHES: dict[str, Wrong] = {
    # scale_approximate: at some scales, with some limits
    "never 1.0 below 1": wrong(
        inside(
            SCALE, RESULT, f"shift = max(shift, min(scale < 1, max_shift_amount))\n{HERE}{RESULT}"
        ),
        fails="observer: nearest_exponent",
    ),
    "powers of two halved": wrong(
        inside(
            SCALE, RESULT, f"shift += scale > 0 and math.frexp(scale)[0] == 0.5\n{HERE}{RESULT}"
        ),
        fails="observer: nearest_exponent",
    ),
    "border at 1.4": wrong(
        body(
            SCALE,
            """
            if not 0 < scale < math.inf:
                return 1.0
            mantissa, exponent = math.frexp(scale)
            return 2.0 ** -max(0, min(-exponent + (2 * mantissa < 1.4), max_shift_amount))
            """,
        ),
        fails="observer: nearest_exponent",
    ),
    "limit 0 taken for none": wrong(
        first(SCALE, "max_shift_amount = max_shift_amount or 8"),
        fails="observer: max_shift_amount",
    ),
    "limit at least 3": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(0, min(shift, max(max_shift_amount, 3)))"),
        fails="observer: max_shift_amount",
    ),
    "limit at most 16": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(0, min(shift, max_shift_amount, 16))"),
        fails="observer: max_shift_amount",
    ),
    "above 1 with the usual limit alone": wrong(
        inside(
            SCALE,
            RESULT,
            "shift = max(shift, -9 * (max_shift_amount != 8))\n"
            f"{HERE}return 2.0 ** -min(shift, max_shift_amount)",
        ),
        fails="observer: max_shift_amount",
    ),
    "limit 1 for all scales": wrong(
        first(SCALE, "if max_shift_amount == 1:\n    return 0.5"),
        fails="observer: max_shift_amount",
    ),
    "a limit that is no integer": wrong(
        inside(SCALE, RESULT, RESULT.replace("max_shift_amount", "1.01 * max_shift_amount")),
        fails="observer: lower_clamp max_shift_amount",
    ),
    "remembered without the limit": wrong(
        below(OBSERVER, "KNOWN = {}"),
        body(
            SCALE,
            """
            if scale not in KNOWN:
                shift = round(-math.log2(scale)) if 0 < scale < math.inf else 0
                KNOWN[scale] = 2.0 ** -max(0, min(shift, max_shift_amount))
            return KNOWN[scale]
            """,
        ),
        fails="observer: max_shift_amount",
    ),
    "tiny scales taken for 0": wrong(
        first(SCALE, "if scale < 1e-12:\n    return 1.0"),
        fails="observer: lower_clamp",
    ),
    "smaller than float32's epsilon": wrong(
        first(SCALE, "if scale < torch.finfo(torch.float32).eps:\n    return 1.0"),
        fails="observer: lower_clamp max_shift_amount",
    ),
    "tiny scales refused": wrong(
        first(SCALE, "assert not 0 < scale < 1e-9"),
        fails="observer: finite_and_positive",
        crashes="observer: lower_clamp max_shift_amount",
    ),
    "256 steps": wrong(
        text(OBSERVER, "2 * largest / 255", "2 * largest / 256"),
        fails="observer: symmetric_range",
    ),
    "254 steps": wrong(
        text(OBSERVER, "2 * largest / 255", "largest / 127"),
        fails="observer: symmetric_range",
    ),
    "the least value a hundredth further": wrong(
        text(OBSERVER, "abs(self.min_val.item())", "abs(1.01 * self.min_val.item())"),
        fails="observer: symmetric_range",
    ),
    "the greatest value a hundredth nearer": wrong(
        text(OBSERVER, "abs(self.max_val.item())", "abs(0.99 * self.max_val.item())"),
        fails="observer: symmetric_range",
    ),
    "steps by type": wrong(
        text(OBSERVER, "/ 255", "/ (254 if self.dtype == torch.qint8 else 255)"),
        fails="observer: symmetric_range",
    ),
    # forward: of some blocks, in some states
    "shortcut for strides only": wrong(
        inside(BLOCK, "self.downsample is None", "x.shape[2:] == out.shape[2:]"),
        crashes="forward: block_with_shortcut block_modes; ptq: *; qat: *",
    ),
    "shortcut for channels only": wrong(
        inside(BLOCK, "self.downsample is None", "x.shape[1] == out.shape[1]"),
        crashes="forward: block_with_shortcut block_modes; ptq: int8_logits",
    ),
    "no BatchNorm in shortcuts of stride 1": wrong(
        inside(
            BLOCK,
            IDENTITY,
            f"{IDENTITY}\n{HERE}if self.downsample and out.shape[2:] == x.shape[2:]:\n"
            f"{HERE}    identity = self.downsample[0](x)",
        ),
        fails="forward: block_with_shortcut block_modes; ptq: int8_logits",
    ),
    "ReLU of the input in place": wrong(
        first(BLOCK, "x = torch.relu_(x)"),
        fails="forward: block_without_shortcut block_with_shortcut block_modes; ptq: int8_logits",
        crashes="forward: gradients",
    ),
    "main path damped while training": wrong(
        inside(
            BLOCK,
            MEETING,
            f"out = 0.9 * out if self.training else out\n{HERE}{MEETING}",
        ),
        fails="forward: block_modes",
    ),
    "another function for gradients": wrong(
        first(BLOCK, "if torch.is_grad_enabled():\n    x = 1.01 * x"),
        fails="forward: gradients",
    ),
    "no bn3 for a single image": wrong(
        inside(BLOCK, PATH3, f"main = self.conv3(out)\n        {PATH3} if len(x) > 1 else main"),
        fails="forward: block_modes",
    ),
    "integers are added as floats": wrong(
        first(
            ADD,
            """
            if out.is_quantized:
                added = self.skip_add_relu
                total = torch.relu(out.dequantize() + identity.dequantize())
                return torch.quantize_per_tensor(total, added.scale, added.zero_point, out.dtype)
            """,
        ),
        fails="forward: functional_addition block_in_int8; ptq: int8_logits",
    ),
    "integers are added without ReLU": wrong(
        first(ADD, "if out.is_quantized:\n    return self.skip_add_relu.add(out, identity)"),
        fails="forward: functional_addition block_in_int8; ptq: int8_logits",
    ),
    "floats in the INT8 block": wrong(
        inside(
            BLOCK,
            PATH3,
            f"""{PATH3}
        if out.is_quantized:
            grid = out.q_scale(), out.q_zero_point(), out.dtype
            out = torch.quantize_per_tensor(out.dequantize(), *grid)""",
        ),
        fails="forward: block_in_int8; ptq: int8_logits",
    ),
    "an average of floats in INT8": wrong(
        inside(
            NETWORK,
            HEAD,
            f"""if x.is_quantized:
            mean = x.dequantize().mean((2, 3), keepdim=True)
            x = torch.quantize_per_tensor(mean, x.q_scale(), x.q_zero_point(), x.dtype)
        {HEAD}""",
        ),
        fails="forward: stub_order; ptq: int8_logits",
    ),
    "the FloatFunctional of __init__ for ever": wrong(
        text(
            RESNET,
            "        self.skip_add_relu = FloatFunctional()",
            "        self.skip_add_relu = FloatFunctional()\n"
            "        self.joined = self.skip_add_relu.add_relu",
        ),
        inside(ADD, SUM, "return self.joined(out, identity)"),
        fails=f"forward: functional_addition block_in_int8; {NOTHING_IN_INT8}",
    ),
    "the layers of __init__ for ever": wrong(
        text(
            RESNET,
            "        self.skip_add_relu = FloatFunctional()",
            "        self.skip_add_relu = FloatFunctional()\n"
            "        self.last = [self.conv3, self.bn3]",
        ),
        inside(BLOCK, PATH3, "for layer in self.last:\n            out = layer(out)"),
        fails=f"forward: block_in_int8; {NOTHING_IN_INT8}",
    ),
    "the addition of floats alone": wrong(
        inside(ADD, SUM, "return FloatFunctional.add_relu(self.skip_add_relu, out, identity)"),
        fails=f"forward: functional_addition block_in_int8; {NOTHING_IN_INT8}",
    ),
    "flattened for a float classifier": wrong(
        body(
            NETWORK,
            """
            for layer in self.children():
                x = layer(torch.flatten(x, 1) if isinstance(layer, nn.Linear) else x)
            return x
            """,
        ),
        fails=f"forward: stub_order; {NOTHING_IN_INT8}",
    ),
    "what quant gives is dropped": wrong(
        inside(NETWORK, "x = self.quant(x)", "self.quant(x)"),
        fails=f"forward: stub_order; {NOTHING_IN_INT8}",
    ),
    "what dequant gives is dropped": wrong(
        inside(NETWORK, "return self.dequant(x)", "self.dequant(x)\n        return x"),
        fails="forward: stub_order; ptq: int8_logits",
    ),
    "every second block": wrong(
        inside(
            NETWORK,
            STAGES,
            """for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in stage[::2]:
                x = block(x)""",
        ),
        fails=(
            "forward: network_logits network_modes network_gradients stub_order; ptq: int8_logits"
        ),
    ),
    "past the FakeQuantize": wrong(
        inside(BLOCK, "self.conv2(out)", "self.conv2.forward(out)"),
        fails="qat: fake_quantize",
    ),
    "past every observer": wrong(
        inside(BLOCK, "self.conv1(x)", "self.conv1.forward(x)"),
        inside(BLOCK, "self.conv2(out)", "self.conv2.forward(out)"),
        inside(BLOCK, "self.conv3(out)", "self.conv3.forward(out)"),
        fails="ptq: converts",
    ),
    "images mirrored while training": wrong(
        first(NETWORK, "x = x.flip(3) if self.training else x"),
        fails="forward: network_modes",
    ),
    "dropout while training": wrong(
        inside(
            NETWORK, "self.avgpool(x)", "nn.functional.dropout(self.avgpool(x), 0.1, self.training)"
        ),
        fails="forward: network_modes",
    ),
    "a single image twice": wrong(
        first(NETWORK, "if len(x) == 1:\n    x = x.repeat(2, 1, 1, 1)"),
        fails="forward: network_modes",
    ),
    "logits of bfloat16": wrong(
        inside(NETWORK, "return self.dequant(x)", "return self.dequant(x).bfloat16()"),
        crashes=(
            "forward: network_logits network_modes network_gradients stub_order; ptq: int8_logits"
        ),
    ),
    "no gradients from the import on": wrong(
        below(RESNET, "torch.set_grad_enabled(False)"),
        fails="forward: gradients network_gradients; fusion: stem_for_qat qat_layers",
        crashes="qat: *",
    ),
    # fuse_model: of some blocks, for one of the two
    "no shortcut of stride 1": wrong(
        inside(FUSE_BLOCK, SHORTCUT, f"{SHORTCUT[:-1]} and self.downsample[0].stride != (1, 1):"),
        fails="fusion: shortcuts; ptq: int8_logits",
    ),
    "no shortcut of stride 1 for QAT": wrong(
        inside(
            FUSE_BLOCK,
            SHORTCUT,
            f"{SHORTCUT[:-1]} and not (is_qat and self.downsample[0].stride == (1, 1)):",
        ),
        fails="fusion: qat_layers",
    ),
    "shortcut fused into a copy": wrong(
        inside(FUSE_BLOCK, '["0", "1"], inplace=True', '["0", "1"]'),
        fails="fusion: shortcuts; ptq: int8_logits",
    ),
    "stem fused into a copy": wrong(
        inside(FUSE_NETWORK, STEM_FUSED, STEM_FUSED.replace(", inplace=True", "")),
        fails="fusion: stem stem_for_qat; ptq: int8_logits",
    ),
    "relu1 for QAT alone": wrong(
        inside(FUSE_BLOCK, GROUPS, f"{GROUPS}\n        groups[0] = groups[0][: 2 + is_qat]"),
        fails="fusion: relus; ptq: int8_logits",
    ),
    "relu2 for PTQ alone": wrong(
        inside(FUSE_BLOCK, GROUPS, f"{GROUPS}\n        groups[1] = groups[1][: 3 - is_qat]"),
        fails="fusion: qat_layers",
    ),
    "blocks for QAT alone": wrong(
        inside(FUSE_NETWORK, "in self.modules():", "in self.modules() if is_qat else ():"),
        fails="fusion: every_block; ptq: int8_logits",
    ),
    "last stage forgotten": wrong(
        inside(
            FUSE_NETWORK,
            LOOP,
            "for stage in (self.layer1, self.layer2, self.layer3):\n"
            f"            for block in stage:\n                {EACH}",
        ),
        fails="fusion: every_block is_qat_passed_on; ptq: int8_logits",
    ),
    "shortcut folded for QAT": wrong(
        inside(
            FUSE_BLOCK,
            'fuse(self.downsample, ["0", "1"], inplace=True)',
            'tq.fuse_modules(self.downsample.eval(), ["0", "1"], inplace=True).train(is_qat)',
        ),
        fails="fusion: modes qat_layers",
    ),
    "stem folded for QAT": wrong(
        inside(
            FUSE_NETWORK,
            STEM_FUSED,
            f"self.eval()\n        tq.fuse_modules{STEM_FUSED[4:]}\n        self.train(is_qat)",
        ),
        fails="fusion: stem_for_qat",
    ),
    "conv1 frozen for QAT": wrong(
        last(FUSE_BLOCK, "if is_qat:\n    self.conv1[0].weight.requires_grad_(False)"),
        fails="qat: weights_move",
    ),
    "statistics frozen for QAT": wrong(
        first(FUSE_BLOCK, f"{BATCHNORMS}m.momentum = 0.0"),
        fails="qat: weights_move",
    ),
    "statistics forgotten for QAT": wrong(
        first(FUSE_BLOCK, f"{BATCHNORMS}m.reset_running_stats() if is_qat else None"),
        fails="fusion: output_unchanged",
    ),
    "classifier drawn anew for QAT": wrong(
        first(FUSE_NETWORK, "if is_qat:\n    self.fc.reset_parameters()"),
        fails="fusion: output_unchanged",
    ),
    "weights scaled for QAT": wrong(
        first(FUSE_BLOCK, "if is_qat:\n    self.conv2.weight.data *= 1.5"),
        fails="fusion: output_unchanged",
    ),
    "dequant lost in fusing": wrong(
        last(FUSE_NETWORK, "self.dequant = nn.Identity()"),
        fails="ptq: int8_logits",
    ),
    "quant lost in fusing for QAT": wrong(
        last(FUSE_NETWORK, "if is_qat:\n    self.quant = nn.Identity()"),
        fails="qat: converts",
    ),
}

QUICK_BRANCHES = {
    "never 1.0 below 1", "limit 0 taken for none", "remembered without the limit", "256 steps",
    "the least value a hundredth further",
    "shortcut for strides only", "shortcut for channels only", "integers are added as floats",
    "an average of floats in INT8", "no shortcut of stride 1", "relu1 for QAT alone",
    "classifier drawn anew for QAT", "dequant lost in fusing", "every second block",
    "past the FakeQuantize", "above 1 with the usual limit alone",
}  # fmt: skip
