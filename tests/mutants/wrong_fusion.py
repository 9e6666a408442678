"""Wrong ``fuse_model``, and stubs that are still open."""

from tests.mutants.edits import (
    ADD,
    BLOCK,
    FUSE_BLOCK,
    FUSE_NETWORK,
    NETWORK,
    RESNET,
    SCALE,
    body,
    first,
    inside,
    last,
    text,
)
from tests.mutants.faults import (
    AFTER_OBSERVER,
    STUB,
    Wrong,
    wrong,
)
from tests.mutants.pieces import CHOICE, EACH, GROUPS, LOOP, STEM_FUSED

FUSION_FAULTS: dict[str, Wrong] = {
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
        says={"fusion.stem_for_qat": "requires_grad is False"},
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
}
