"""Submissions with a fault, and exactly the checks that each has to fail.

A fault costs the points of its own claims: what is listed for one is what it breaks, and nothing
else. The order is that of the checks.
"""

from tests.mutants.edits import (
    ADD,
    BLOCK,
    FUSE_BLOCK,
    FUSE_NETWORK,
    NETWORK,
    OBSERVER,
    RESNET,
    SCALE,
    above,
    below,
    body,
    first,
    inside,
    last,
    recoded,
    removed,
    text,
)
from tests.mutants.faults import CHECKS, Wrong, names, wrong
from tests.mutants.wrong_branches import BRANCHES, QUICK_BRANCHES

__all__ = ["CHECKS", "QUICK_WRONG", "WRONG", "Wrong", "names"]

# Checks that often fail together.
SCALES = "observer: whole_power_of_two nearest_exponent lower_clamp upper_clamp max_shift_amount"
AFTER_OBSERVER = "ptq: converts power_of_two_scales zero_points per_tensor_weights; qat: *"
BLOCKS = "forward: block_without_shortcut block_with_shortcut"
BLOCK_RUNS = f"{BLOCKS} gradients functional_addition"
BLOCK_WRONG = f"{BLOCKS}; ptq: int8_logits"
ADDITION_WRONG = f"{BLOCKS} functional_addition; ptq: converts int8_logits"
ADDITION = "forward: functional_addition; ptq: converts int8_logits"
STUBS = "forward: stub_order; ptq: converts int8_logits; qat: converts"
LAYERS = "ptq: power_of_two_scales zero_points per_tensor_weights"

STUB = "raise NotImplementedError('part 0 of the handout')"


# Pieces of the solution.
RESULT = "return 2.0 ** -max(0, min(shift, max_shift_amount))"
ROUND = "round(-math.log2(scale))"

WRONG: dict[str, Wrong] = {
    # observer: the clamp
    "no clamp": wrong(
        inside(SCALE, RESULT, "return 2.0**-shift"),
        fails=("observer: lower_clamp upper_clamp max_shift_amount finite_and_positive"),
        says={
            "observer.lower_clamp": "No clamp",
            "observer.upper_clamp": "No clamp",
        },
    ),
    "only at least 0": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(0, shift)"),
        fails="observer: lower_clamp max_shift_amount",
        says={"observer.lower_clamp": "at or below max_shift_amount"},
    ),
    "only at most the limit": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -min(shift, max_shift_amount)"),
        fails="observer: upper_clamp finite_and_positive",
        says={"observer.upper_clamp": "at or above 0"},
    ),
    "limit one too small": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(0, min(shift, max_shift_amount - 1))"),
        fails="observer: lower_clamp max_shift_amount",
        says={"observer.lower_clamp": "one too small"},
    ),
    "limit one too large": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(0, min(shift, max_shift_amount + 1))"),
        fails="observer: lower_clamp max_shift_amount",
        says={"observer.lower_clamp": "one too large"},
    ),
    "at least 1": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(1, min(shift, max_shift_amount))"),
        fails="observer: upper_clamp",
    ),
    "limit always 8": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(0, min(shift, 8))"),
        fails="observer: max_shift_amount",
        says={"observer.max_shift_amount": "always 8"},
    ),
    "limit never above 8": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(0, min(shift, max_shift_amount, 8))"),
        fails="observer: max_shift_amount",
    ),
    "limit 7 by default": wrong(
        text(OBSERVER, "max_shift_amount: int = 8", "max_shift_amount: int = 7"),
        fails="observer: lower_clamp",
    ),
    "scale clamped at 2**-8": wrong(
        inside(SCALE, ROUND, "round(-math.log2(max(scale, 2.0**-8)))"),
        fails="observer: max_shift_amount",
    ),
    "absolute logarithm": wrong(
        inside(SCALE, ROUND, "round(abs(math.log2(scale)))"), fails="observer: upper_clamp"
    ),
    "clamp the wrong way round": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -min(0, max(shift, max_shift_amount))"),
        fails="observer: *; qat: weights_move",
    ),
    # observer: the exponent
    "quarter powers": wrong(
        inside(SCALE, ROUND, "round(-math.log2(scale) * 4) / 4"),
        fails=(
            "observer: whole_power_of_two nearest_exponent; ptq: power_of_two_scales; qat: converts"
        ),
        says={"observer.whole_power_of_two": "quarters"},
    ),
    "halves": wrong(
        inside(SCALE, ROUND, "round(-math.log2(scale) * 2) / 2"),
        fails=(
            "observer: whole_power_of_two nearest_exponent; ptq: power_of_two_scales; qat: converts"
        ),
        says={"observer.whole_power_of_two": "halves"},
    ),
    "not rounded": wrong(
        inside(SCALE, ROUND, "-math.log2(scale)"),
        fails=(
            "observer: whole_power_of_two nearest_exponent; ptq: power_of_two_scales; qat: converts"
        ),
        says={"observer.whole_power_of_two": "clamped but not rounded"},
    ),
    "the scale itself": wrong(
        body(SCALE, "return scale"),
        fails=(
            "observer: whole_power_of_two nearest_exponent lower_clamp upper_clamp "
            "max_shift_amount finite_and_positive; ptq: power_of_two_scales; qat: "
            "converts"
        ),
        says={"observer.whole_power_of_two": "as it was"},
    ),
    "floor": wrong(
        inside(SCALE, ROUND, "math.floor(-math.log2(scale))"),
        fails="observer: nearest_exponent",
        says={"observer.nearest_exponent": "floor"},
    ),
    "ceil": wrong(
        inside(SCALE, ROUND, "math.ceil(-math.log2(scale))"),
        fails="observer: nearest_exponent",
        says={"observer.nearest_exponent": "ceil"},
    ),
    "int": wrong(
        inside(SCALE, ROUND, "int(-math.log2(scale))"),
        fails="observer: nearest_exponent",
        says={"observer.nearest_exponent": "floor"},
    ),
    "bit length": wrong(
        inside(SCALE, ROUND, "-math.frexp(scale)[1]"),
        fails="observer: nearest_exponent",
    ),
    "nearest by difference": wrong(
        body(
            SCALE,
            """
            if not 0 < scale < math.inf:
                return 1.0
            powers = [2.0**-s for s in range(max_shift_amount + 1)]
            return min(powers, key=lambda power: abs(power - scale))
            """,
        ),
        fails="observer: nearest_exponent",
        says={"observer.nearest_exponent": "nearest by difference"},
    ),
    "sign turned": wrong(
        inside(SCALE, RESULT, "return 2.0 ** max(0, min(shift, max_shift_amount))"),
        fails=(
            "observer: nearest_exponent lower_clamp max_shift_amount; ptq: converts "
            "power_of_two_scales zero_points per_tensor_weights; qat: *"
        ),
        says={"observer.nearest_exponent": "sign is turned round"},
    ),
    "logarithm without its sign": wrong(
        inside(SCALE, ROUND, "round(math.log2(scale))"),
        fails=(
            "observer: nearest_exponent lower_clamp upper_clamp max_shift_amount; qat: weights_move"
        ),
    ),
    "natural logarithm": wrong(
        inside(SCALE, ROUND, "round(-math.log(scale))"),
        fails="observer: nearest_exponent lower_clamp max_shift_amount",
        says={"observer.nearest_exponent": "natural"},
    ),
    "logarithm to base 10": wrong(
        inside(SCALE, ROUND, "round(-math.log10(scale))"),
        fails="observer: nearest_exponent lower_clamp max_shift_amount",
        says={"observer.nearest_exponent": "base 10"},
    ),
    "returns S": wrong(
        inside(SCALE, RESULT, "return max(0, min(shift, max_shift_amount))"),
        fails=(
            "observer: whole_power_of_two nearest_exponent lower_clamp upper_clamp "
            "max_shift_amount finite_and_positive; ptq: converts power_of_two_scales "
            "zero_points per_tensor_weights; qat: *"
        ),
        says={"observer.whole_power_of_two": "S itself"},
    ),
    "constant": wrong(
        body(SCALE, "return 2.0**-8"),
        fails="observer: *",
        says={"observer.nearest_exponent": "does not depend"},
    ),
    "integer division": wrong(
        inside(SCALE, RESULT, "return 1 // 2 ** max(0, min(shift, max_shift_amount))"),
        fails=(
            "observer: whole_power_of_two nearest_exponent lower_clamp "
            "max_shift_amount finite_and_positive; ptq: converts power_of_two_scales "
            "zero_points per_tensor_weights; qat: *"
        ),
    ),
    # observer: what observers meet
    "no guard": wrong(
        body(
            SCALE,
            """
            shift = round(-math.log2(scale))
            return 2.0 ** -max(0, min(shift, max_shift_amount))
            """,
        ),
        fails="observer: finite_and_positive",
    ),
    "raises for 0": wrong(
        inside(SCALE, "if math.isnan(scale) or scale <= 0.0", "if math.isnan(scale) or scale < 0"),
        fails="observer: finite_and_positive",
    ),
    "raises for nan": wrong(
        inside(SCALE, "math.isnan(scale) or ", ""), fails="observer: finite_and_positive"
    ),
    "raises for inf": wrong(
        inside(SCALE, "math.isinf(scale)", "False"), fails="observer: finite_and_positive"
    ),
    "raises ValueError for negative": wrong(
        first(SCALE, "if scale < 0:\n    raise ValueError('scale')"),
        fails="observer: finite_and_positive",
    ),
    "nan for nan": wrong(
        first(SCALE, "if math.isnan(scale):\n    return scale"),
        fails="observer: finite_and_positive",
    ),
    "0 for 0": wrong(
        first(SCALE, "if scale == 0:\n    return 0.0"),
        fails="observer: finite_and_positive",
    ),
    "negative for negative": wrong(
        first(SCALE, "if scale < 0:\n    return -0.25"),
        fails="observer: finite_and_positive",
    ),
    "inf for inf": wrong(
        first(SCALE, "if math.isinf(scale):\n    return scale"),
        fails="observer: finite_and_positive",
    ),
    # observer: made for the examples, or for some of the calls
    "only the documented examples": wrong(
        body(
            SCALE,
            """
            known = {0.3: 0.25, 0.3625: 0.5, 0.0001: 2.0**-8}
            if scale == 0.0001 and max_shift_amount == 10:
                return 2.0**-10
            return known.get(scale, 2.0**-8)
            """,
        ),
        fails="observer: *",
    ),
    "only the published inputs": wrong(
        body(
            SCALE,
            """
            published = (0.3, 0.3625, 0.02, 0.7, 0.003, 0.18, 0.09, 1e-6, 0.0001, 0.0005, 1.7, 3.1,
                         300.0, 0.0006, 0.01, 0.05)
            if scale not in published:
                return 0.25
            return 2.0 ** -max(0, min(round(-math.log2(scale)), max_shift_amount))
            """,
        ),
        fails=(
            "observer: follows_the_scale nearest_exponent lower_clamp upper_clamp max_shift_amount"
        ),
    ),
    "only the first call": wrong(
        first(
            SCALE, "self.calls = getattr(self, 'calls', 0) + 1\nif self.calls > 1:\n    return 0.25"
        ),
        fails=(
            "observer: nearest_exponent lower_clamp upper_clamp max_shift_amount; "
            "qat: fake_quantize"
        ),
    ),
    "only for quint8": wrong(
        first(SCALE, "if self.dtype != torch.quint8:\n    return scale"),
        fails=(
            "observer: whole_power_of_two nearest_exponent lower_clamp upper_clamp "
            "max_shift_amount finite_and_positive; ptq: power_of_two_scales; qat: "
            "converts"
        ),
    ),
    "only for qint8": wrong(
        first(SCALE, "if self.dtype == torch.quint8:\n    return scale"),
        fails=(
            "observer: whole_power_of_two nearest_exponent lower_clamp upper_clamp "
            "max_shift_amount finite_and_positive; ptq: power_of_two_scales; qat: "
            "converts"
        ),
    ),
    # observer: no number
    "returns None": wrong(
        inside(SCALE, RESULT, "2.0 ** -max(0, min(shift, max_shift_amount))"),
        crashes=(
            "observer: *; ptq: converts power_of_two_scales zero_points per_tensor_weights; qat: *"
        ),
    ),
    "returns text": wrong(
        inside(SCALE, RESULT, "return f'2**-{shift}'"),
        crashes=(
            "observer: *; ptq: converts power_of_two_scales zero_points per_tensor_weights; qat: *"
        ),
    ),
    "misspelt name": wrong(
        inside(SCALE, "min(shift", "min(shfit"),
        crashes=(
            "observer: *; ptq: converts power_of_two_scales zero_points per_tensor_weights; qat: *"
        ),
    ),
    "endless loop at inf": wrong(
        first(SCALE, "while scale > 1e308:\n    scale = scale / 1.0"),
        hangs="observer: finite_and_positive",
    ),
    "endless recursion": wrong(
        body(SCALE, "return self.scale_approximate(scale, max_shift_amount)"),
        crashes=(
            "observer: *; ptq: converts power_of_two_scales zero_points per_tensor_weights; qat: *"
        ),
    ),
    "leaves": wrong(
        body(SCALE, "raise SystemExit(0)"),
        crashes=f"observer: *; {AFTER_OBSERVER}",
    ),
    "kills the process": wrong(
        body(SCALE, "import os\nos._exit(0)"),
        crashes=f"observer: *; {AFTER_OBSERVER}",
    ),
    # observer: what was given
    "zero point 0": wrong(
        text(OBSERVER, "128 if self.dtype == torch.quint8 else 0", "0"), fails="ptq: zero_points"
    ),
    "zero point 127": wrong(
        text(OBSERVER, "zero_point = 128", "zero_point = 127"), fails="ptq: zero_points"
    ),
    "zero point 1 for weights": wrong(
        text(OBSERVER, "torch.quint8 else 0", "torch.quint8 else 2"),
        fails="ptq: zero_points",
    ),
    "asymmetric range": wrong(
        text(
            OBSERVER,
            (
                "scale = float(self.scale_approximate(2 * largest / 255))\n"
                "        zero_point = 128 if self.dtype == torch.quint8 else 0"
            ),
            (
                "scale = self.scale_approximate((self.max_val - self.min_val).item() / 255)\n"
                "        zero_point = round(-self.min_val.item() / scale)"
            ),
        ),
        fails="observer: symmetric_range",
        crashes=AFTER_OBSERVER,
    ),
    "range by the maximum": wrong(
        text(
            OBSERVER,
            "max(abs(self.min_val.item()), abs(self.max_val.item()))",
            "self.max_val.item()",
        ),
        fails="observer: symmetric_range",
    ),
    "PyTorch's qparams": wrong(
        text(
            OBSERVER,
            "        largest = max",
            "        return super().calculate_qparams()\n        largest = max",
        ),
        fails=("observer: symmetric_range; ptq: power_of_two_scales zero_points; qat: converts"),
    ),
    "qparams as numbers": wrong(
        text(
            OBSERVER,
            (
                "return torch.tensor([scale], device=device), "
                "torch.tensor([zero_point], device=device)"
            ),
            "return scale, zero_point",
        ),
        crashes=(
            "observer: symmetric_range; ptq: converts power_of_two_scales "
            "zero_points per_tensor_weights; qat: *"
        ),
    ),
    "scale approximated twice as fine": wrong(
        text(OBSERVER, "2 * largest / 255", "largest / 255"),
        fails="observer: symmetric_range; qat: weights_move",
    ),
}

PATH1 = "out = self.relu1(self.bn1(self.conv1(x)))"
PATH2 = "out = self.relu2(self.bn2(self.conv2(out)))"
PATH3 = "out = self.bn3(self.conv3(out))"
IDENTITY = "identity = x if self.downsample is None else self.downsample(x)"
SUM = "return self.skip_add_relu.add_relu(out, identity)"
STEM = "x = self.relu(self.bn1(self.conv1(x)))"
STAGES = "x = self.layer4(self.layer3(self.layer2(self.layer1(x))))"
HEAD = "x = self.fc(torch.flatten(self.avgpool(x), 1))"

WRONG |= {
    # forward of a block
    "no relu1": wrong(
        inside(BLOCK, PATH1, "out = self.bn1(self.conv1(x))"),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients; ptq: int8_logits"
        ),
        says={"forward.block_without_shortcut": "without relu"},
        waits={"ptq.int8_logits": "forward.block_without_shortcut"},
    ),
    "no relu2": wrong(
        inside(BLOCK, PATH2, "out = self.bn2(self.conv2(out))"),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients; ptq: int8_logits"
        ),
        says={"forward.block_without_shortcut": "without relu"},
    ),
    "no bn1": wrong(
        inside(BLOCK, PATH1, "out = self.relu1(self.conv1(x))"),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients; ptq: int8_logits"
        ),
        says={"forward.block_without_shortcut": "without bn"},
    ),
    "no bn2": wrong(
        inside(BLOCK, PATH2, "out = self.relu2(self.conv2(out))"),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients; ptq: int8_logits"
        ),
        says={"forward.block_without_shortcut": "without bn"},
    ),
    "no bn3": wrong(
        inside(BLOCK, PATH3, "out = self.conv3(out)"),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients; ptq: int8_logits"
        ),
        says={"forward.block_without_shortcut": "without bn"},
    ),
    "ReLU behind bn3": wrong(
        inside(BLOCK, PATH3, "out = self.relu2(self.bn3(self.conv3(out)))"),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients; ptq: int8_logits"
        ),
        says={"forward.block_without_shortcut": "ReLU behind bn3"},
    ),
    "functional ReLU behind bn3": wrong(
        inside(BLOCK, PATH3, "out = torch.relu(self.bn3(self.conv3(out)))"),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients; ptq: int8_logits"
        ),
        says={"forward.block_without_shortcut": "ReLU behind bn3"},
    ),
    "ReLU before BatchNorm": wrong(
        inside(BLOCK, PATH1, "out = self.bn1(self.relu1(self.conv1(x)))"),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients; ptq: int8_logits"
        ),
    ),
    "bn2 behind conv1": wrong(
        inside(BLOCK, PATH1, "out = self.relu1(self.bn2(self.conv1(x)))"),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients; ptq: int8_logits"
        ),
    ),
    "input lost": wrong(
        inside(BLOCK, PATH2, "out = self.relu2(self.bn2(self.conv2(x)))"),
        crashes=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients block_in_int8; ptq: *; qat: *"
        ),
    ),
    "shortcut forgotten": wrong(
        inside(BLOCK, "return self.add_relu(out, identity)", "return torch.relu(out)"),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients; ptq: int8_logits; qat: weights_move"
        ),
        says={"forward.block_without_shortcut": "never added"},
    ),
    "adds itself": wrong(
        inside(BLOCK, "self.add_relu(out, identity)", "self.add_relu(out, out)"),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients; ptq: int8_logits; qat: weights_move"
        ),
    ),
    "shortcut without BatchNorm": wrong(
        inside(BLOCK, "else self.downsample(x)", "else self.downsample[0](x)"),
        fails="forward: block_with_shortcut block_modes; ptq: int8_logits",
        says={"forward.block_with_shortcut": "shortcut without its BatchNorm"},
        waits={"ptq.int8_logits": "forward.block_with_shortcut"},
    ),
    "shortcut with a ReLU": wrong(
        inside(BLOCK, "else self.downsample(x)", "else torch.relu(self.downsample(x))"),
        fails="forward: block_with_shortcut block_modes; ptq: int8_logits",
        says={"forward.block_with_shortcut": "gets a ReLU"},
    ),
    "downsample ignored": wrong(
        inside(BLOCK, IDENTITY, "identity = x"),
        crashes=(
            "forward: block_with_shortcut block_modes gradients block_in_int8; ptq: *; qat: *"
        ),
    ),
    "downsample always": wrong(
        inside(BLOCK, IDENTITY, "identity = self.downsample(x)"),
        crashes=("forward: block_without_shortcut block_modes gradients block_in_int8; ptq: *"),
    ),
    "downsample overwritten input": wrong(
        inside(
            BLOCK, IDENTITY, "identity = out if self.downsample is None else self.downsample(x)"
        ),
        fails="forward: block_without_shortcut block_modes; ptq: int8_logits",
    ),
    "only bottlenecks with a shortcut": wrong(
        first(BLOCK, "if self.downsample is None:\n    return x"),
        fails="forward: block_without_shortcut block_modes; ptq: int8_logits",
        says={"forward.block_without_shortcut": "is the input"},
    ),
    "forward gives None": wrong(
        inside(BLOCK, "return self.add_relu", "self.add_relu"),
        crashes=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients block_in_int8; ptq: *; qat: *"
        ),
    ),
    # the addition
    "no ReLU behind the addition": wrong(
        inside(ADD, SUM, "return self.skip_add_relu.add(out, identity)"),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients functional_addition; ptq: int8_logits"
        ),
        says={"forward.block_without_shortcut": "without a ReLU behind"},
    ),
    "ReLU before the addition": wrong(
        inside(ADD, SUM, "return self.skip_add_relu.add(torch.relu(out), identity)"),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients functional_addition; ptq: int8_logits"
        ),
        says={"forward.block_without_shortcut": "before the addition"},
    ),
    "plain +": wrong(
        inside(ADD, SUM, "return torch.relu(out + identity)"),
        fails=(
            "forward: functional_addition block_in_int8; ptq: converts int8_logits; qat: converts"
        ),
        says={"forward.functional_addition": "which no observer sees"},
        waits={
            "ptq.converts": "forward.functional_addition",
            "ptq.int8_logits": "forward.functional_addition",
            "qat.converts": "forward.functional_addition",
        },
    ),
    "torch.add": wrong(
        inside(ADD, SUM, "return torch.relu(torch.add(out, identity))"),
        fails=(
            "forward: functional_addition block_in_int8; ptq: converts int8_logits; qat: converts"
        ),
        says={"forward.functional_addition": "which no observer sees"},
    ),
    "FloatFunctional of its own": wrong(
        inside(ADD, SUM, "return FloatFunctional().add_relu(out, identity)"),
        fails=(
            "forward: functional_addition block_in_int8; ptq: converts int8_logits; qat: converts"
        ),
        says={"forward.functional_addition": "made in forward"},
    ),
    "add, then ReLU": wrong(
        inside(ADD, SUM, "return torch.relu(self.skip_add_relu.add(out, identity))"),
        fails="forward: functional_addition; ptq: int8_logits",
        says={"forward.functional_addition": "without its ReLU"},
    ),
    "add, then relu2": wrong(
        inside(ADD, SUM, "return self.relu2(self.skip_add_relu.add(out, identity))"),
        fails=("forward: functional_addition; fusion: output_unchanged; ptq: int8_logits"),
        says={"forward.functional_addition": "without its ReLU"},
    ),
    "adds twice": wrong(
        first(ADD, "out = self.skip_add_relu.add_relu(out, identity)"),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients functional_addition; ptq: int8_logits"
        ),
    ),
    "multiplies": wrong(
        inside(ADD, SUM, "return torch.relu(self.skip_add_relu.mul(out, identity))"),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients functional_addition; ptq: int8_logits"
        ),
    ),
    "detached shortcut": wrong(
        inside(BLOCK, "self.add_relu(out, identity)", "self.add_relu(out, identity.detach())"),
        fails="forward: gradients; qat: weights_move",
        waits={"qat.weights_move": "forward.gradients"},
    ),
    "detached main path": wrong(
        inside(BLOCK, PATH3, "out = self.bn3(self.conv3(out.detach()))"),
        fails="forward: gradients; qat: weights_move",
    ),
    "no_grad": wrong(
        text(
            RESNET,
            '    def forward(self, x: Tensor) -> Tensor:\n        """Return the block\'s',
            (
                "    @torch.no_grad()\n"
                "    def forward(self, x: Tensor) -> Tensor:\n"
                '        """Return the block\'s'
            ),
        ),
        fails="forward: gradients; qat: weights_move",
    ),
    # forward of the network
    "no quant": wrong(
        inside(NETWORK, "x = self.quant(x)", ""),
        fails=STUBS,
        says={"forward.stub_order": "quant is missing"},
    ),
    "no dequant": wrong(
        inside(NETWORK, "return self.dequant(x)", "return x"),
        fails="forward: stub_order; ptq: int8_logits",
        says={"forward.stub_order": "dequant is missing"},
        waits={"ptq.int8_logits": "forward.stub_order"},
    ),
    "neither quant nor dequant": wrong(
        inside(NETWORK, "x = self.quant(x)", ""),
        inside(NETWORK, "return self.dequant(x)", "return x"),
        fails=STUBS,
        says={"forward.stub_order": "quant is missing"},
    ),
    "quant behind the stem": wrong(
        inside(NETWORK, "x = self.quant(x)\n        " + STEM, STEM + "\n        x = self.quant(x)"),
        fails=STUBS,
        says={"forward.stub_order": "too late"},
    ),
    "dequant before fc": wrong(
        inside(NETWORK, HEAD, "x = self.fc(self.dequant(torch.flatten(self.avgpool(x), 1)))"),
        inside(NETWORK, "return self.dequant(x)", "return x"),
        fails=STUBS,
        says={"forward.stub_order": "behind dequant"},
    ),
    "stubs exchanged": wrong(
        inside(NETWORK, "self.quant(x)", "self.dequant_(x)"),
        inside(NETWORK, "self.dequant(x)", "self.quant(x)"),
        inside(NETWORK, "self.dequant_(x)", "self.dequant(x)"),
        fails=STUBS,
    ),
    "no relu in the stem": wrong(
        inside(NETWORK, STEM, "x = self.bn1(self.conv1(x))"),
        fails=(
            "forward: network_logits network_modes network_gradients stub_order; ptq: int8_logits"
        ),
        waits={"ptq.int8_logits": "forward.network_logits"},
    ),
    "no bn1 in the stem": wrong(
        inside(NETWORK, STEM, "x = self.relu(self.conv1(x))"),
        fails=(
            "forward: network_logits network_modes network_gradients stub_order; ptq: int8_logits"
        ),
    ),
    "no flatten": wrong(
        inside(NETWORK, HEAD, "x = self.fc(self.avgpool(x))"),
        crashes=(
            "forward: network_logits network_modes network_gradients stub_order; ptq: *; qat: *"
        ),
        waits={
            "ptq.converts": "forward.network_logits",
            "ptq.int8_logits": "forward.network_logits",
        },
    ),
    "largest instead of average": wrong(
        inside(NETWORK, "self.avgpool(x)", "torch.amax(x, (2, 3))"),
        fails=(
            "forward: network_logits network_modes network_gradients stub_order; "
            "ptq: converts int8_logits; qat: converts"
        ),
    ),
    "max pooling in the stem": wrong(
        inside(NETWORK, STEM, STEM + "\n        x = nn.functional.max_pool2d(x, 3, 2, 1)"),
        fails=(
            "forward: network_logits network_modes network_gradients stub_order; ptq: int8_logits"
        ),
    ),
    "layer3 skipped": wrong(
        inside(NETWORK, STAGES, "x = self.layer4(self.layer2(self.layer1(x)))"),
        crashes=(
            "forward: network_logits network_modes network_gradients stub_order; ptq: *; qat: *"
        ),
    ),
    "layer1 twice": wrong(
        inside(
            NETWORK,
            STAGES,
            "x = self.layer4(self.layer3(self.layer2(self.layer1(self.layer1(x)))))",
        ),
        crashes=(
            "forward: network_logits network_modes network_gradients stub_order; ptq: *; qat: *"
        ),
    ),
    "softmax": wrong(
        inside(NETWORK, "self.dequant(x)", "torch.softmax(self.dequant(x), 1)"),
        fails=(
            "forward: network_logits network_modes network_gradients stub_order; ptq: int8_logits"
        ),
    ),
    "softmax before dequant": wrong(
        inside(NETWORK, "self.dequant(x)", "self.dequant(torch.softmax(x, 1))"),
        fails=(
            "forward: network_logits network_modes network_gradients stub_order; "
            "ptq: converts int8_logits; qat: converts"
        ),
    ),
    "argmax": wrong(
        inside(NETWORK, "self.dequant(x)", "self.dequant(x).argmax(1)"),
        crashes="qat: *",
        fails=(
            "forward: network_logits network_modes network_gradients stub_order; ptq: int8_logits"
        ),
    ),
    "dropout": wrong(
        inside(
            NETWORK,
            "torch.flatten(self.avgpool(x), 1)",
            "nn.functional.dropout(torch.flatten(self.avgpool(x), 1))",
        ),
        fails=(
            "forward: network_logits network_modes network_gradients stub_order; "
            "ptq: converts int8_logits; qat: converts"
        ),
    ),
    "only the first image": wrong(
        inside(NETWORK, "self.quant(x)", "self.quant(x[:1])"),
        crashes="qat: *",
        fails=(
            "forward: network_logits network_modes network_gradients stub_order; ptq: int8_logits"
        ),
    ),
    "network without gradients": wrong(
        inside(NETWORK, "self.dequant(x)", "self.dequant(x.detach())"),
        crashes="qat: *",
        fails="forward: network_gradients",
    ),
    "network logits as a tuple": wrong(
        inside(NETWORK, "return self.dequant(x)", "return self.dequant(x), x"),
        crashes=(
            "forward: network_logits network_modes network_gradients stub_order; "
            "ptq: int8_logits; qat: *"
        ),
        fails="ptq: converts",
    ),
}

GROUPS = 'groups = [["conv1", "bn1", "relu1"], ["conv2", "bn2", "relu2"], ["conv3", "bn3"]]'
CHOICE = "fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules"
EACH = "block.fuse_model(is_qat)"
STEM_FUSED = 'fuse(self, ["conv1", "bn1", "relu"], inplace=True)'
LOOP = """for block in self.modules():
            if isinstance(block, QuantizableBottleneck):
                block.fuse_model(is_qat)"""

WRONG |= {
    # fusion
    "nothing fused": wrong(
        body(FUSE_NETWORK, "pass"),
        body(FUSE_BLOCK, "pass"),
        fails="fusion: *; ptq: int8_logits",
        says={"fusion.stem": "not in any list"},
    ),
    "stem not fused": wrong(
        inside(FUSE_NETWORK, STEM_FUSED, "pass"),
        fails="fusion: stem stem_for_qat; ptq: int8_logits",
        says={"fusion.stem": "not in any list"},
        waits={"ptq.int8_logits": "fusion.stem"},
    ),
    "stem without ReLU": wrong(
        inside(FUSE_NETWORK, '["conv1", "bn1", "relu"]', '["conv1", "bn1"]'),
        fails="fusion: stem stem_for_qat; ptq: int8_logits",
        says={"fusion.stem": "left out of the list"},
    ),
    "shortcut not fused": wrong(
        inside(FUSE_BLOCK, "if self.downsample is not None:", "if False:"),
        fails="fusion: shortcuts; ptq: int8_logits",
        says={"fusion.shortcuts": "not in any list"},
        waits={"ptq.int8_logits": "fusion.shortcuts"},
    ),
    "conv3 not fused": wrong(
        inside(FUSE_BLOCK, ', ["conv3", "bn3"]]', "]"),
        fails="fusion: blocks; ptq: int8_logits",
        says={"fusion.blocks": "not in any list"},
        waits={"ptq.int8_logits": "fusion.blocks"},
    ),
    "ReLUs not fused": wrong(
        inside(FUSE_BLOCK, GROUPS, GROUPS.replace(', "relu1"', "").replace(', "relu2"', "")),
        fails="fusion: relus; ptq: int8_logits",
        says={"fusion.relus": "left out of the list"},
        waits={"ptq.int8_logits": "fusion.relus"},
    ),
    "relu2 not fused": wrong(
        inside(FUSE_BLOCK, ', "relu2"', ""),
        fails="fusion: relus; ptq: int8_logits",
        says={"fusion.relus": "left out of the list"},
    ),
    "only the first block": wrong(
        inside(FUSE_NETWORK, EACH, EACH + "\n                break"),
        fails="fusion: every_block is_qat_passed_on; ptq: int8_logits",
        says={"fusion.every_block": "Nobody calls"},
    ),
    "only the first block of each stage": wrong(
        inside(
            FUSE_NETWORK,
            LOOP,
            (
                "for stage in (self.layer1, self.layer2, self.layer3, self.layer4):\n"
                "            stage[0].fuse_model(is_qat)"
            ),
        ),
        fails="fusion: every_block is_qat_passed_on; ptq: int8_logits",
        says={"fusion.every_block": "Nobody calls"},
    ),
    "blocks not fused": wrong(
        inside(FUSE_NETWORK, LOOP, "pass"),
        fails="fusion: every_block is_qat_passed_on; ptq: int8_logits",
        says={"fusion.every_block": "Nobody calls"},
    ),
    "BatchNorm dropped": wrong(
        inside(
            FUSE_BLOCK,
            "fuse(self, groups, inplace=True)",
            "self.bn1 = self.bn2 = self.bn3 = nn.Identity()",
        ),
        fails="fusion: blocks relus output_unchanged; ptq: int8_logits",
        says={"fusion.blocks": "dropped without being folded"},
        waits={"fusion.relus": "fusion.blocks"},
    ),
    "bn3 dropped": wrong(
        inside(FUSE_BLOCK, ', ["conv3", "bn3"]]', "]\n        self.bn3 = nn.Identity()"),
        fails="fusion: blocks output_unchanged; ptq: int8_logits",
        says={"fusion.blocks": "dropped without being folded"},
    ),
    "stem's BatchNorm dropped": wrong(
        inside(FUSE_NETWORK, STEM_FUSED, "self.bn1 = nn.Identity()"),
        fails="fusion: stem stem_for_qat output_unchanged; ptq: int8_logits",
        says={"fusion.stem": "dropped without being folded"},
    ),
    "shortcut's BatchNorm dropped": wrong(
        inside(
            FUSE_BLOCK,
            'fuse(self.downsample, ["0", "1"], inplace=True)',
            "self.downsample[1] = nn.Identity()",
        ),
        fails="fusion: shortcuts output_unchanged; ptq: int8_logits",
        says={"fusion.shortcuts": "dropped without being folded"},
    ),
    "ReLU dropped": wrong(
        inside(
            FUSE_BLOCK,
            "fuse(self, groups, inplace=True)",
            (
                "fuse(self, [group[:2] for group in groups], inplace=True)\n"
                "        self.relu1 = nn.Identity()"
            ),
        ),
        fails="fusion: relus output_unchanged; ptq: int8_logits",
    ),
    "always fuse_modules": wrong(
        inside(FUSE_BLOCK, CHOICE, "fuse = tq.fuse_modules"),
        inside(FUSE_NETWORK, CHOICE, "fuse = tq.fuse_modules"),
        crashes="fusion: stem_for_qat is_qat_passed_on modes qat_layers; qat: *",
        waits={"qat.fake_quantize": "fusion.stem_for_qat"},
        says={"fusion.modes": "fuse_modules_qat when is_qat is true"},
    ),
    "always fuse_modules_qat": wrong(
        inside(FUSE_BLOCK, CHOICE, "fuse = tq.fuse_modules_qat"),
        inside(FUSE_NETWORK, CHOICE, "fuse = tq.fuse_modules_qat"),
        fails=("fusion: blocks shortcuts relus stem every_block output_unchanged modes; ptq: *"),
        waits={"ptq.converts": "fusion.stem"},
        says={"ptq.converts": "False means fuse_modules"},
    ),
    "blocks always fuse_modules_qat": wrong(
        inside(FUSE_BLOCK, CHOICE, "fuse = tq.fuse_modules_qat"),
        fails="fusion: blocks shortcuts relus every_block modes; ptq: *",
        waits={"ptq.converts": "fusion.blocks"},
        says={"ptq.converts": "False means fuse_modules"},
    ),
    "is_qat not passed on": wrong(
        inside(FUSE_NETWORK, EACH, "block.fuse_model()"),
        crashes="qat: *",
        fails="fusion: is_qat_passed_on",
        says={"fusion.is_qat_passed_on": "isn't passed on"},
    ),
    "is_qat inverted": wrong(
        inside(FUSE_BLOCK, CHOICE, "fuse = tq.fuse_modules if is_qat else tq.fuse_modules_qat"),
        inside(FUSE_NETWORK, CHOICE, "fuse = tq.fuse_modules if is_qat else tq.fuse_modules_qat"),
        crashes="fusion: stem_for_qat is_qat_passed_on modes qat_layers; qat: *",
        fails=("fusion: blocks shortcuts relus stem every_block output_unchanged; ptq: *"),
        says={
            "fusion.modes": "fuse_modules_qat when is_qat is true",
            "ptq.converts": "False means fuse_modules",
        },
    ),
    "QAT fused in eval mode": wrong(
        inside(FUSE_NETWORK, CHOICE, "self.eval()\n        fuse = tq.fuse_modules"),
        inside(FUSE_BLOCK, CHOICE, "fuse = tq.fuse_modules"),
        crashes="fusion: is_qat_passed_on modes qat_layers",
        fails="fusion: stem_for_qat",
        says={"fusion.stem_for_qat": "folded for good"},
    ),
    "QAT fused in eval mode, then trained": wrong(
        inside(FUSE_NETWORK, CHOICE, "self.eval()\n        fuse = tq.fuse_modules"),
        inside(FUSE_BLOCK, CHOICE, "fuse = tq.fuse_modules"),
        last(FUSE_NETWORK, "self.train(is_qat)"),
        crashes="fusion: is_qat_passed_on modes qat_layers",
        fails="fusion: stem_for_qat",
        says={"fusion.stem_for_qat": "folded for good"},
    ),
    "QAT not fused": wrong(
        first(FUSE_NETWORK, "if is_qat:\n    return"),
        fails="fusion: stem_for_qat is_qat_passed_on",
    ),
    "fused twice": wrong(
        inside(FUSE_NETWORK, EACH, EACH + "\n                block.fuse_model(is_qat)"),
        crashes=(
            "fusion: output_unchanged; ptq: converts power_of_two_scales zero_points "
            "per_tensor_weights; qat: *"
        ),
        fails="fusion: every_block is_qat_passed_on; ptq: int8_logits",
        says={"fusion.every_block": "in one list only"},
    ),
    "conv1 in two lists": wrong(
        inside(FUSE_BLOCK, '["conv3", "bn3"]]', '["conv3", "bn3"], ["conv1", "bn1"]]'),
        crashes=(
            "fusion: blocks shortcuts relus every_block is_qat_passed_on "
            "output_unchanged modes qat_layers; ptq: *; qat: *"
        ),
        says={"fusion.blocks": "in one list only"},
    ),
    "a copy is fused": wrong(
        inside(FUSE_BLOCK, "fuse(self, groups, inplace=True)", "self = fuse(self, groups)"),
        inside(FUSE_BLOCK, '["0", "1"], inplace=True', '["0", "1"]'),
        fails=(
            "fusion: blocks shortcuts relus every_block is_qat_passed_on modes "
            "qat_layers; ptq: int8_logits"
        ),
        says={"fusion.blocks": "thrown away"},
    ),
    "one ReLU shared": wrong(
        text(RESNET, "self.relu2 = nn.ReLU()", "self.relu2 = self.relu1"),
        inside(FUSE_BLOCK, '"bn2", "relu2"', '"bn2"'),
        fails="fusion: relus; ptq: int8_logits",
        says={"fusion.relus": "left out of the list"},
    ),
    "one ReLU for both": wrong(
        text(RESNET, "self.relu1", "self.relu"),
        text(RESNET, "self.relu2", "self.relu"),
        inside(FUSE_BLOCK, ', "relu2"', ""),
        inside(FUSE_BLOCK, '"relu1"', '"relu"'),
        crashes=(
            "fusion: blocks shortcuts relus every_block is_qat_passed_on "
            "output_unchanged modes qat_layers; ptq: *"
        ),
    ),
    "relu1 serves twice, fused once": wrong(
        inside(BLOCK, "self.relu2(", "self.relu1("),
        inside(FUSE_BLOCK, '"bn2", "relu2"', '"bn2"'),
        fails="fusion: relus output_unchanged; ptq: int8_logits",
        says={"fusion.relus": "left out of the list"},
    ),
    "ReLU fused behind conv3": wrong(
        inside(FUSE_BLOCK, '["conv3", "bn3"]]', '["conv3", "bn3", "relu2"]]'),
        inside(FUSE_BLOCK, '"bn2", "relu2"', '"bn2"'),
        fails="fusion: relus output_unchanged; ptq: int8_logits",
        says={"fusion.relus": "none directly follows"},
    ),
    "ReLU behind the shortcut": wrong(
        inside(FUSE_BLOCK, "fuse(self.downsample", "fuse(self.downsample.append(nn.ReLU())"),
        fails="fusion: shortcuts relus output_unchanged; ptq: int8_logits",
    ),
    "wrong name": wrong(
        inside(FUSE_BLOCK, '"relu1"', '"relu3"'),
        crashes=(
            "fusion: blocks shortcuts relus every_block is_qat_passed_on "
            "output_unchanged modes qat_layers; ptq: *; qat: *"
        ),
    ),
    "wrong name in the stem": wrong(
        inside(FUSE_NETWORK, '"relu"', '"relu1"'),
        crashes="fusion: stem stem_for_qat output_unchanged; ptq: *; qat: *",
        fails="fusion: every_block is_qat_passed_on",
    ),
    "shortcut taken for granted": wrong(
        inside(FUSE_BLOCK, "if self.downsample is not None:", "if True:"),
        crashes=(
            "fusion: blocks shortcuts relus every_block is_qat_passed_on "
            "output_unchanged modes qat_layers; ptq: *"
        ),
    ),
    "order of names": wrong(
        inside(FUSE_BLOCK, '["conv3", "bn3"]', '["bn3", "conv3"]'),
        crashes=(
            "fusion: blocks shortcuts relus every_block is_qat_passed_on "
            "output_unchanged modes qat_layers; ptq: *; qat: *"
        ),
        says={"fusion.blocks": "in one list only"},
    ),
    "wrong pairs": wrong(
        inside(
            FUSE_BLOCK,
            GROUPS,
            GROUPS.replace('"bn1"', '"bn_"').replace('"bn2"', '"bn1"').replace('"bn_"', '"bn2"'),
        ),
        fails="fusion: blocks relus output_unchanged modes; ptq: *",
    ),
    "weights changed": wrong(
        inside(FUSE_NETWORK, CHOICE, CHOICE + "\n        self.fc.weight.data *= 2"),
        fails="fusion: output_unchanged; ptq: int8_logits",
    ),
    "prepares as well": wrong(
        last(FUSE_NETWORK, "self.qconfig = tq.default_qconfig\ntq.prepare(self, inplace=True)"),
        fails=(
            "fusion: stem every_block output_unchanged; ptq: power_of_two_scales "
            "zero_points int8_logits; qat: fake_quantize converts"
        ),
    ),
    "weights frozen": wrong(
        last(FUSE_NETWORK, "self.requires_grad_(False)"),
        crashes="qat: *",
        fails="fusion: stem_for_qat",
        says={"fusion.stem_for_qat": "requires_grad False"},
    ),
    "returns a fused copy": wrong(
        inside(
            FUSE_NETWORK,
            STEM_FUSED,
            "import copy\n        self = copy.deepcopy(self)\n        " + STEM_FUSED,
        ),
        fails=(
            "fusion: stem stem_for_qat every_block is_qat_passed_on "
            "output_unchanged; ptq: int8_logits"
        ),
    ),
    "the network fuses its blocks": wrong(
        body(FUSE_BLOCK, "self.is_fused_from_outside = True"),
        body(
            FUSE_NETWORK,
            """
            fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules
            lists = [["conv1", "bn1", "relu"]]
            for name, block in self.named_modules():
                if isinstance(block, QuantizableBottleneck):
                    for n in (1, 2):
                        lists += [[f"{name}.conv{n}", f"{name}.bn{n}", f"{name}.relu{n}"]]
                    lists += [[f"{name}.conv3", f"{name}.bn3"]]
                    if block.downsample is not None:
                        lists += [[f"{name}.downsample.0", f"{name}.downsample.1"]]
            fuse(self, lists, inplace=True)
            """,
        ),
        fails=(
            "fusion: blocks shortcuts relus every_block is_qat_passed_on modes "
            "qat_layers; ptq: int8_logits"
        ),
    ),
    # stubs, one at a time
    "stub scale_approximate": wrong(
        body(SCALE, STUB),
        unwritten=f"observer: *; {AFTER_OBSERVER}",
    ),
    "stub block forward": wrong(
        body(BLOCK, STUB),
        unwritten=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients block_in_int8; ptq: *; qat: *"
        ),
        waits={
            "ptq.converts": "forward.block_without_shortcut",
            "ptq.int8_logits": "forward.block_without_shortcut",
        },
    ),
    "stub add_relu": wrong(
        body(ADD, STUB),
        unwritten=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients functional_addition block_in_int8; ptq: *; qat: *"
        ),
    ),
    "stub block fuse_model": wrong(
        body(FUSE_BLOCK, STUB),
        unwritten=(
            "fusion: blocks shortcuts relus every_block is_qat_passed_on "
            "output_unchanged modes qat_layers; ptq: *; qat: *"
        ),
        waits={"ptq.int8_logits": "fusion.blocks"},
    ),
    "stub network forward": wrong(
        body(NETWORK, STUB),
        unwritten=(
            "forward: network_logits network_modes network_gradients stub_order; ptq: *; qat: *"
        ),
    ),
    "stub network fuse_model": wrong(
        body(FUSE_NETWORK, STUB),
        unwritten=(
            "fusion: stem stem_for_qat every_block is_qat_passed_on "
            "output_unchanged; ptq: *; qat: *"
        ),
    ),
    "only part 3": wrong(
        *(body(f, STUB) for f in (BLOCK, ADD, FUSE_BLOCK, NETWORK, FUSE_NETWORK)),
        unwritten="forward: *; fusion: *; ptq: *; qat: *",
    ),
    "only part 2": wrong(
        *(body(f, STUB) for f in (SCALE, BLOCK, ADD, NETWORK)),
        unwritten="observer: *; forward: *; ptq: *; qat: *",
    ),
    "only part 1": wrong(
        *(body(f, STUB) for f in (SCALE, FUSE_BLOCK, FUSE_NETWORK)),
        unwritten="observer: *; fusion: *; ptq: *; qat: *",
    ),
    # files
    "syntax error in resnet.py": wrong(
        inside(NETWORK, "x = self.quant(x)", "x = self.quant(x"),
        crashes="forward: *; fusion: *; ptq: *; qat: *",
        waits={
            "ptq.converts": "forward.block_without_shortcut",
            "ptq.int8_logits": "forward.block_without_shortcut",
        },
    ),
    "syntax error in observer.py": wrong(
        inside(SCALE, "else:", "else"),
        crashes=f"observer: *; {AFTER_OBSERVER}",
    ),
    "no resnet.py": wrong(removed(RESNET), crashes="forward: *; fusion: *; ptq: *; qat: *"),
    "no observer.py": wrong(
        removed(OBSERVER),
        crashes=f"observer: *; {AFTER_OBSERVER}",
    ),
    "missing module in resnet.py": wrong(
        above(RESNET, "import tensorflow\n"), crashes="forward: *; fusion: *; ptq: *; qat: *"
    ),
    "missing module in observer.py": wrong(
        below(OBSERVER, "from utils import helper"),
        crashes=f"observer: *; {AFTER_OBSERVER}",
    ),
    "observer class renamed": wrong(
        text(OBSERVER, "CusQuantObserver", "MyObserver"),
        crashes=f"observer: *; {AFTER_OBSERVER}",
    ),
    "network class renamed": wrong(
        text(RESNET, "QuantizableResNet", "ResNet"),
        crashes=(
            "forward: network_logits network_modes network_gradients stub_order; "
            "fusion: stem stem_for_qat output_unchanged; ptq: *; qat: *"
        ),
        fails="fusion: every_block is_qat_passed_on",
    ),
    "block class renamed": wrong(
        text(RESNET, "QuantizableBottleneck", "Bottleneck"),
        crashes=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients functional_addition block_in_int8; fusion: blocks shortcuts "
            "relus every_block is_qat_passed_on modes qat_layers; ptq: int8_logits"
        ),
    ),
    "scale_approximate renamed": wrong(
        text(OBSERVER, "def scale_approximate", "def approximate_scale"),
        crashes=(
            "observer: *; ptq: converts power_of_two_scales zero_points per_tensor_weights; qat: *"
        ),
    ),
    "fuse_model renamed": wrong(
        text(RESNET, "def fuse_model", "def fuse"), crashes="fusion: *; ptq: *; qat: *"
    ),
    "add_relu renamed": wrong(
        text(RESNET, "def add_relu", "def add"),
        crashes=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients functional_addition block_in_int8; ptq: *; qat: *"
        ),
    ),
    "module renamed": wrong(
        text(RESNET, "skip_add_relu", "ff"),
        crashes=(
            "fusion: output_unchanged; ptq: converts power_of_two_scales zero_points "
            "per_tensor_weights; qat: *"
        ),
        fails=("forward: functional_addition block_in_int8; fusion: every_block; ptq: int8_logits"),
    ),
    "empty observer.py": wrong(
        recoded(OBSERVER, lambda _: b""),
        crashes=f"observer: *; {AFTER_OBSERVER}",
    ),
    "too much memory": wrong(
        inside(NETWORK, "x = self.quant(x)", "x = self.quant(x) + bytearray(64 << 30)[0]"),
        crashes=(
            "forward: network_logits network_modes network_gradients stub_order; ptq: *; qat: *"
        ),
    ),
    "is_qat without a default": wrong(
        text(RESNET, "is_qat: bool = False", "is_qat: bool"),
        crashes=(
            "fusion: blocks shortcuts relus stem every_block output_unchanged modes "
            "qat_layers; ptq: *"
        ),
    ),
    "no max_shift_amount": wrong(
        text(OBSERVER, ", max_shift_amount: int = 8)", ")"),
        text(OBSERVER, "shift, max_shift_amount)", "shift, 8)"),
        text(OBSERVER, "shift = max_shift_amount", "shift = 8"),
        crashes="observer: max_shift_amount",
    ),
    "max_shift_amount renamed": wrong(
        text(OBSERVER, "max_shift_amount: int", "limit: int"),
        text(OBSERVER, "shift, max_shift_amount)", "shift, limit)"),
        text(OBSERVER, "shift = max_shift_amount", "shift = limit"),
        crashes="observer: max_shift_amount",
    ),
    "eval in forward": wrong(
        first(NETWORK, "self.eval()"), fails="forward: network_modes; qat: weights_move"
    ),
    "inference mode": wrong(
        text(
            RESNET,
            '    def forward(self, x: Tensor) -> Tensor:\n        """Return the logits',
            (
                "    @torch.inference_mode()\n"
                "    def forward(self, x: Tensor) -> Tensor:\n"
                '        """Return the logits'
            ),
        ),
        crashes="qat: *",
        fails="forward: network_gradients",
    ),
    "exit at import": wrong(
        below(RESNET, "raise SystemExit(0)"), crashes="forward: *; fusion: *; ptq: *; qat: *"
    ),
    # what outsiders wrote, and what is like it
    "noise in train mode": wrong(
        first(BLOCK, "if self.training:\n    x = x + 0.1 * torch.randn_like(x)"),
        fails="forward: block_modes",
    ),
    "network's noise in train mode": wrong(
        first(NETWORK, "if self.training:\n    x = x + 0.1 * torch.randn_like(x)"),
        fails="forward: network_modes",
    ),
    "no classifier in train mode": wrong(
        inside(
            NETWORK,
            "x = self.fc(torch.flatten(self.avgpool(x), 1))",
            "x = torch.flatten(self.avgpool(x), 1)\n        x = x if self.training else self.fc(x)",
        ),
        fails="forward: network_modes",
    ),
    "only conv1 for QAT": wrong(
        inside(
            FUSE_BLOCK,
            "fuse(self, groups, inplace=True)",
            "fuse(self, groups[:1] if is_qat else groups, inplace=True)",
        ),
        fails="fusion: qat_layers",
    ),
    "no shortcut for QAT": wrong(
        inside(
            FUSE_BLOCK,
            "if self.downsample is not None:",
            "if self.downsample is not None and not is_qat:",
        ),
        fails="fusion: qat_layers",
    ),
    "no stem for QAT": wrong(
        inside(
            FUSE_NETWORK,
            'fuse(self, ["conv1", "bn1", "relu"], inplace=True)',
            'if not is_qat:\n            fuse(self, ["conv1", "bn1", "relu"], inplace=True)',
        ),
        fails="fusion: stem_for_qat",
    ),
    "fuse_model ends in eval mode": wrong(
        last(FUSE_NETWORK, "self.train(False)"), fails="fusion: stem_for_qat is_qat_passed_on"
    ),
    "block's fuse_model ends in eval mode": wrong(
        last(FUSE_BLOCK, "self.eval()"), fails="fusion: is_qat_passed_on modes qat_layers"
    ),
    "logits squeezed": wrong(
        inside(NETWORK, "return self.dequant(x)", "return self.dequant(x).squeeze()"),
        fails="forward: network_modes",
    ),
    "blocks squeezed": wrong(
        inside(
            BLOCK,
            "return self.add_relu(out, identity)",
            "return self.add_relu(out, identity).squeeze(0)",
        ),
        fails="forward: block_modes",
    ),
    "quantized again before avgpool": wrong(
        inside(NETWORK, "x = self.fc(", "x = self.quant(self.dequant(x))\n        x = self.fc("),
        fails="forward: stub_order; ptq: int8_logits",
    ),
    "dequantized before avgpool": wrong(
        inside(
            NETWORK,
            "x = self.fc(torch.flatten(self.avgpool(x), 1))\n        return self.dequant(x)",
            "x = self.dequant(x)\n        x = self.fc(torch.flatten(self.avgpool(x), 1))\n"
            "        return self.dequant(x)",
        ),
        fails="forward: stub_order; ptq: converts int8_logits; qat: converts",
    ),
    "bytes that Python refuses": wrong(
        recoded(RESNET, lambda source: source + b'\nNAME = "\xc3\x28"\n'),
        crashes="forward: *; fusion: *; ptq: *; qat: *",
    ),
    "an unknown coding": wrong(
        recoded(OBSERVER, lambda source: b"# -*- coding: utf-9 -*-\n" + source),
        crashes=(
            "observer: *; ptq: converts power_of_two_scales zero_points per_tensor_weights; qat: *"
        ),
    ),
    "only layer4's blocks": wrong(
        inside(FUSE_NETWORK, "for block in self.modules():", "for block in self.layer4.modules():"),
        fails="fusion: every_block is_qat_passed_on; ptq: int8_logits",
    ),
    "only one of two": wrong(
        body(SCALE, "return 1.0 if scale >= 1 else 2.0**-max_shift_amount"),
        fails="observer: nearest_exponent max_shift_amount",
    ),
    "clamped and never rounded": wrong(
        body(
            SCALE,
            "if not 0 < scale < math.inf:\n"
            "    return 1.0 if scale == math.inf else 2.0**-max_shift_amount\n"
            "return max(min(scale, 1.0), 2.0**-max_shift_amount)",
        ),
        fails=(
            "observer: whole_power_of_two nearest_exponent; ptq: power_of_two_scales; qat: converts"
        ),
    ),
    "stem without its ReLU": wrong(
        inside(FUSE_NETWORK, '["conv1", "bn1", "relu"]', '["conv1", "bn1"]'),
        fails="fusion: stem stem_for_qat; ptq: int8_logits",
    ),
    "times one in the main path": wrong(
        inside(BLOCK, "out = self.bn3(self.conv3(out))", "out = self.bn3(self.conv3(out)) * 1.0"),
        fails="forward: block_in_int8; ptq: converts int8_logits; qat: converts",
    ),
    "float in the main path": wrong(
        inside(BLOCK, "out = self.bn3(self.conv3(out))", "out = self.bn3(self.conv3(out)).float()"),
        fails="forward: block_in_int8; ptq: converts int8_logits; qat: converts",
    ),
    "plus zero before fc": wrong(
        inside(NETWORK, "return self.dequant(x)", "return self.dequant(x + 0)"),
        fails="forward: stub_order; ptq: converts int8_logits; qat: converts",
    ),
    "a power of the scale": wrong(
        inside(SCALE, RESULT, "return scale**0.97"),
        fails=(
            "observer: whole_power_of_two nearest_exponent lower_clamp upper_clamp "
            "max_shift_amount finite_and_positive; ptq: power_of_two_scales; qat: "
            "converts"
        ),
    ),
    "always one": wrong(body(SCALE, "return 1.0"), fails="observer: *; qat: weights_move"),
    "no return in forward": wrong(
        inside(BLOCK, "return self.add_relu(out, identity)", "self.add_relu(out, identity)"),
        crashes=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients block_in_int8; ptq: *; qat: *"
        ),
    ),
    "no return in the network": wrong(
        inside(NETWORK, "return self.dequant(x)", "self.dequant(x)"),
        crashes=(
            "forward: network_logits network_modes network_gradients stub_order; "
            "ptq: int8_logits; qat: *"
        ),
        fails="ptq: converts",
    ),
    "a dictionary of logits": wrong(
        inside(NETWORK, "return self.dequant(x)", "return {'logits': self.dequant(x)}"),
        crashes=(
            "forward: network_logits network_modes network_gradients stub_order; "
            "ptq: int8_logits; qat: *"
        ),
        fails="ptq: converts",
    ),
    "a tuple of blocks": wrong(
        inside(
            BLOCK,
            "return self.add_relu(out, identity)",
            "return self.add_relu(out, identity), identity",
        ),
        crashes=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients block_in_int8; ptq: *; qat: *"
        ),
    ),
    "double precision": wrong(
        inside(NETWORK, "return self.dequant(x)", "return self.dequant(x).double()"),
        fails="forward: network_logits network_modes stub_order; ptq: int8_logits",
    ),
    "scipy imported": wrong(
        above(RESNET, "import scipy.special\n"), crashes="forward: *; fusion: *; ptq: *; qat: *"
    ),
    "helpers of its own file": wrong(
        above(OBSERVER, "from lab3.helpers import nearest\n"),
        crashes=(
            "observer: *; ptq: converts power_of_two_scales zero_points per_tensor_weights; qat: *"
        ),
    ),
    "relative helpers": wrong(
        above(RESNET, "from .layers import Bottleneck\n"),
        crashes="forward: *; fusion: *; ptq: *; qat: *",
    ),
    "the addition in forward": wrong(
        inside(BLOCK, "return self.add_relu(out, identity)", "return torch.relu(out + identity)"),
        fails="forward: block_in_int8; ptq: converts int8_logits; qat: converts",
    ),
    "dequant in the middle": wrong(
        inside(NETWORK, "x = self.fc(", "x = self.dequant(x)\n        x = self.fc("),
        fails="forward: stub_order; ptq: converts int8_logits; qat: converts",
    ),
    "input detached": wrong(
        inside(
            BLOCK,
            "identity = x if self.downsample is None else self.downsample(x)",
            "identity = x.detach() if self.downsample is None else self.downsample(x)",
        ),
        fails="forward: gradients",
    ),
    "shortcut detached": wrong(
        inside(
            BLOCK,
            "return self.add_relu(out, identity)",
            "return self.add_relu(out, identity.detach())",
        ),
        fails="forward: gradients; qat: weights_move",
    ),
    "main path detached": wrong(
        inside(
            BLOCK,
            "return self.add_relu(out, identity)",
            "return self.add_relu(out.detach(), identity)",
        ),
        fails="forward: gradients; qat: weights_move",
    ),
    "network detached": wrong(
        inside(NETWORK, "x = self.fc(", "x = x.detach()\n        x = self.fc("),
        fails="forward: network_gradients; qat: weights_move",
    ),
    "features without gradients": wrong(
        inside(
            NETWORK,
            "x = self.relu(self.bn1(self.conv1(x)))",
            "with torch.no_grad():\n            x = self.relu(self.bn1(self.conv1(x)))",
        ),
        fails="forward: network_gradients; qat: weights_move",
    ),
    "parameters frozen in forward": wrong(
        first(NETWORK, "self.requires_grad_(False)"),
        crashes="qat: *",
        fails="forward: network_gradients",
    ),
    "eval in add_relu": wrong(first(ADD, "self.eval()"), fails="forward: block_modes"),
    "only while training": wrong(
        inside(
            BLOCK,
            "out = self.bn3(self.conv3(out))",
            "out = self.conv3(out)\n        out = self.bn3(out) if self.training else out",
        ),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes "
            "gradients; ptq: int8_logits"
        ),
    ),
    "second call differs": wrong(
        first(BLOCK, "if getattr(self, 'used', False):\n    return x\nself.used = True"),
        fails=(
            "forward: block_without_shortcut block_with_shortcut block_modes; ptq: "
            "converts int8_logits; qat: converts"
        ),
    ),
    "is_qat is always false": wrong(
        inside(FUSE_NETWORK, "block.fuse_model(is_qat)", "block.fuse_model(False)"),
        crashes="qat: *",
        fails="fusion: is_qat_passed_on",
    ),
    "is_qat is always true": wrong(
        inside(FUSE_NETWORK, "block.fuse_model(is_qat)", "block.fuse_model(True)"),
        fails="fusion: every_block; ptq: *",
    ),
    "blocks of children": wrong(
        inside(FUSE_NETWORK, "for block in self.modules():", "for block in self.children():"),
        fails="fusion: every_block is_qat_passed_on; ptq: int8_logits",
    ),
    "the same block again and again": wrong(
        inside(
            FUSE_NETWORK,
            "block.fuse_model(is_qat)",
            "self.layer1[0].fuse_model(is_qat)\n                break",
        ),
        fails="fusion: every_block is_qat_passed_on; ptq: int8_logits",
    ),
    "conv3 left out": wrong(
        inside(FUSE_BLOCK, '["conv3", "bn3"]]', '["conv3", "bn3"]][:2]'),
        fails="fusion: blocks; ptq: int8_logits",
    ),
    "downsample by name of another": wrong(
        inside(FUSE_BLOCK, '["0", "1"]', '["1", "0"]'),
        crashes=(
            "fusion: blocks shortcuts relus every_block is_qat_passed_on "
            "output_unchanged modes qat_layers; ptq: *; qat: *"
        ),
    ),
    "limit ignored when given": wrong(
        inside(SCALE, RESULT, "return 2.0 ** -max(0, min(shift, 8))"),
        fails="observer: max_shift_amount",
    ),
    "limit minus one when given": wrong(
        inside(
            SCALE,
            RESULT,
            "most = max_shift_amount - (max_shift_amount != 8)\n        "
            "return 2.0 ** -max(0, min(shift, most))",
        ),
        fails="observer: max_shift_amount",
    ),
    "text for nan": wrong(
        first(SCALE, "if scale != scale:\n    return 'nan'"), fails="observer: finite_and_positive"
    ),
    "complex for negative": wrong(
        first(SCALE, "if scale < 0:\n    return scale ** 0.5"),
        fails="observer: finite_and_positive",
    ),
    "largest float": wrong(
        body(SCALE, "import sys\nreturn sys.float_info.max"),
        fails=(
            "observer: *; ptq: converts power_of_two_scales zero_points per_tensor_weights; qat: *"
        ),
    ),
    "smallest float": wrong(
        body(SCALE, "return 5e-324"),
        fails=(
            "observer: *; ptq: converts power_of_two_scales zero_points per_tensor_weights; qat: *"
        ),
    ),
    "slow without end for inf": wrong(
        first(SCALE, "while scale == math.inf:\n    pass"), hangs="observer: finite_and_positive"
    ),
}
WRONG |= BRANCHES
# What is tried every time: a corpus of its own, in which every check goes red.
QUICK_WRONG = QUICK_BRANCHES | {
    "no clamp", "limit one too small", "limit always 8", "scale clamped at 2**-8",
    "quarter powers", "the scale itself", "int", "sign turned", "logarithm to base 10",
    "integer division", "raises for nan", "nan for nan", "inf for inf", "only the first call",
    "returns None", "endless loop at inf", "kills the process", "zero point 1 for weights",
    "PyTorch's qparams", "no relu1", "no bn2", "functional ReLU behind bn3", "input lost",
    "shortcut without BatchNorm", "downsample always", "forward gives None", "plain +",
    "add, then ReLU", "multiplies", "no_grad", "neither quant nor dequant", "stubs exchanged",
    "no flatten", "layer3 skipped", "softmax before dequant", "only the first image",
    "nothing fused", "shortcut not fused", "relu2 not fused", "blocks not fused",
    "stem's BatchNorm dropped", "always fuse_modules", "is_qat not passed on",
    "QAT fused in eval mode, then trained", "conv1 in two lists", "one ReLU for both",
    "ReLU behind the shortcut", "shortcut taken for granted", "weights changed",
    "returns a fused copy", "stub add_relu", "stub network fuse_model", "only part 1",
    "no resnet.py", "missing module in observer.py", "block class renamed", "add_relu renamed",
    "too much memory", "max_shift_amount renamed", "exit at import",
}  # fmt: skip
