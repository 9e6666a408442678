"""What is wrong with whole files, and what outsiders wrote."""

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
from tests.mutants.faults import (
    AFTER_OBSERVER,
    Wrong,
    wrong,
)
from tests.mutants.pieces import RESULT

OUTSIDE_FAULTS: dict[str, Wrong] = {
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
