"""Wrong ``forward`` and ``add_relu``."""

from tests.mutants.edits import (
    ADD,
    BLOCK,
    NETWORK,
    RESNET,
    first,
    inside,
    text,
)
from tests.mutants.faults import (
    STUBS,
    Wrong,
    wrong,
)
from tests.mutants.pieces import HEAD, IDENTITY, PATH1, PATH2, PATH3, STAGES, STEM, SUM

FORWARD_FAULTS: dict[str, Wrong] = {
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
    "forward gives the network": wrong(
        inside(NETWORK, "return self.dequant(x)", "return self.dequant(self)"),
        fails="ptq: converts",
        crashes=(
            "forward: network_logits network_modes network_gradients stub_order; "
            "ptq: int8_logits; qat: *"
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
