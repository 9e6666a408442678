"""The right ``fuse_model`` in other idioms."""

from tests.mutants.edits import (
    FUSE_BLOCK,
    FUSE_NETWORK,
    RESNET,
    Change,
    below,
    body,
    first,
    inside,
    last,
    text,
)
from tests.mutants.pieces import CHOICE, LOOP

FUSED = "fuse(self, groups, inplace=True)"
FUSE_BLOCK_HEAD = (
    '    def fuse_model(self, is_qat: bool = False) -> None:\n        """Fuse this block'
)
FUSE_NETWORK_HEAD = (
    '    def fuse_model(self, is_qat: bool = False) -> None:\n        """Fuse the whole'
)


def decorated(decorator: str) -> tuple[Change, ...]:
    """Put a decorator on both functions that fuse."""
    heads = (FUSE_BLOCK_HEAD, FUSE_NETWORK_HEAD)
    return tuple(text(RESNET, head, f"    @{decorator}\n{head}") for head in heads)


FUSE_IDIOMS: dict[str, tuple[Change, ...]] = {
    "one call for each list": (
        inside(
            FUSE_BLOCK,
            "fuse(self, groups, inplace=True)",
            "for group in reversed(groups):\n            fuse(self, group, inplace=True)",
        ),
    ),
    "shortcut fused first": (
        body(
            FUSE_BLOCK,
            """
            fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules
            if self.downsample is not None:
                fuse(self.downsample, [["0", "1"]], inplace=True)
            fuse(self, ["conv3", "bn3"], inplace=True)
            fuse(self, [["conv2", "bn2", "relu2"]], inplace=True)
            fuse(self, ["conv1", "bn1", "relu1"], inplace=True)
            """,
        ),
    ),
    "shortcut by its whole name": (
        inside(
            FUSE_BLOCK,
            'fuse(self.downsample, ["0", "1"], inplace=True)',
            'fuse(self, ["downsample.0", "downsample.1"], inplace=True)',
        ),
    ),
    "branches of their own": (
        body(
            FUSE_BLOCK,
            """
            lists = [["conv1", "bn1", "relu1"], ["conv2", "bn2", "relu2"], ["conv3", "bn3"]]
            if self.downsample:
                lists += [["downsample.0", "downsample.1"]]
            if is_qat:
                tq.fuse_modules_qat(self, lists, inplace=True)
            else:
                tq.fuse_modules(self, lists, inplace=True)
            """,
        ),
    ),
    "old namespace": (
        below(RESNET, "import torch.quantization"),
        inside(FUSE_BLOCK, "else tq.fuse_modules", "else torch.quantization.fuse_modules"),
        inside(FUSE_NETWORK, "else tq.fuse_modules", "else torch.quantization.fuse_modules"),
    ),
    "is_qat by its name": (
        inside(FUSE_NETWORK, "fuse_model(is_qat)", "fuse_model(is_qat=is_qat)"),
    ),
    "blocks first": (
        body(
            FUSE_NETWORK,
            """
            for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
                for block in stage:
                    block.fuse_model(is_qat)
            fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules
            fuse(self, [["conv1", "bn1", "relu"]], inplace=True)
            """,
        ),
    ),
    "blocks by their type's name": (
        inside(
            FUSE_NETWORK,
            (
                "for block in self.modules():\n"
                "            if isinstance(block, QuantizableBottleneck):"
            ),
            (
                "for _, block in list(self.named_modules()):\n"
                "            if type(block).__name__ == 'QuantizableBottleneck':"
            ),
        ),
    ),
    "blocks by their function": (
        inside(
            FUSE_NETWORK,
            (
                "for block in self.modules():\n"
                "            if isinstance(block, QuantizableBottleneck):"
            ),
            (
                "for block in self.modules():\n"
                "            if block is not self and hasattr(block, 'fuse_model'):"
            ),
        ),
    ),
    "children of children": (
        inside(
            FUSE_NETWORK,
            (
                "for block in self.modules():\n"
                "            if isinstance(block, QuantizableBottleneck):"
            ),
            (
                "for block in (b for stage in self.children() for b in stage.children()):\n"
                "            if isinstance(block, QuantizableBottleneck):"
            ),
        ),
    ),
    "modes set inside": (first(FUSE_NETWORK, "self.train(is_qat)"),),
    "mode kept": (
        first(
            FUSE_NETWORK, "was_training = self.training\nself.train() if is_qat else self.eval()"
        ),
        last(FUSE_NETWORK, "self.train(was_training)"),
    ),
    "QAT fused with fuse_modules_qat in eval mode": (
        first(FUSE_NETWORK, "self.eval()"),
        last(FUSE_NETWORK, "self.train(is_qat)"),
    ),
    "result assigned": (
        inside(
            FUSE_BLOCK,
            'fuse(self.downsample, ["0", "1"], inplace=True)',
            'self.downsample = fuse(self.downsample, ["0", "1"])',
        ),
    ),
    "fuse_model returns self": (last(FUSE_NETWORK, "return self"),),
    "fused a second time without harm": (
        first(FUSE_NETWORK, "if not isinstance(self.bn1, nn.BatchNorm2d):\n    return"),
    ),
    "folded by hand": (
        body(
            FUSE_BLOCK,
            """
            groups = [["conv1", "bn1", "relu1"], ["conv2", "bn2", "relu2"], ["conv3", "bn3"]]
            if is_qat:
                tq.fuse_modules_qat(self, groups, inplace=True)
            else:
                for conv, bn, *relu in groups:
                    pair = getattr(self, conv), getattr(self, bn)
                    folded = nn.utils.fusion.fuse_conv_bn_eval(*pair)
                    if relu:
                        folded = torch.ao.nn.intrinsic.ConvReLU2d(folded, getattr(self, relu[0]))
                        setattr(self, relu[0], nn.Identity())
                    setattr(self, conv, folded)
                    setattr(self, bn, nn.Identity())
            if self.downsample is not None:
                fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules
                fuse(self.downsample, ["0", "1"], inplace=True)
            """,
        ),
    ),
    "fused under no_grad": decorated("torch.no_grad()"),
    "fused in inference mode": decorated("torch.inference_mode()"),
    "lists found by type": (
        body(
            FUSE_BLOCK,
            """
            fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules
            groups = []
            for name, module in self.named_children():
                if isinstance(module, nn.Conv2d):
                    groups.append([name])
                elif isinstance(module, nn.BatchNorm2d | nn.ReLU):
                    groups[-1].append(name)
            fuse(self, groups, inplace=True)
            if self.downsample is not None:
                fuse(self.downsample, [name for name, _ in self.downsample.named_children()],
                     inplace=True)
            """,
        ),
    ),
    "lists found by tracing": (
        below(RESNET, "import torch.fx"),
        body(
            FUSE_BLOCK,
            """
            fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules
            groups = []
            for node in torch.fx.symbolic_trace(self).graph.nodes:
                if node.op == "call_module":
                    module = self.get_submodule(node.target)
                    if isinstance(module, nn.Conv2d):
                        groups.append([node.target])
                    elif isinstance(module, nn.BatchNorm2d | nn.ReLU):
                        groups[-1].append(node.target)
            fuse(self, groups, inplace=True)
            """,
        ),
    ),
    "recursion over children": (
        inside(
            FUSE_NETWORK,
            LOOP,
            """def visit(module):
            for child in module.children():
                child.fuse_model(is_qat) if hasattr(child, "fuse_model") else visit(child)

        visit(self)""",
        ),
    ),
    "match on types": (
        inside(
            FUSE_NETWORK,
            LOOP,
            """for module in self.modules():
            match module:
                case QuantizableBottleneck():
                    module.fuse_model(is_qat=is_qat)
                case _:
                    continue""",
        ),
    ),
    "blocks of exactly this type": (
        inside(
            FUSE_NETWORK,
            LOOP,
            """blocks = [m for m in self.modules() if type(m) is QuantizableBottleneck]
        assert len(blocks) >= 4
        list(map(lambda block: block.fuse_model(is_qat), blocks))""",
        ),
    ),
    "fused by hand for both": (
        below(
            RESNET,
            """
            import torch.ao.nn.intrinsic as nni
            from torch.nn.utils.fusion import fuse_conv_bn_eval


            def joined(conv, bn, relu, is_qat):
                if is_qat:
                    return nni.ConvBnReLU2d(conv, bn, relu) if relu else nni.ConvBn2d(conv, bn)
                folded = fuse_conv_bn_eval(conv, bn)
                return nni.ConvReLU2d(folded, relu) if relu else folded
            """,
        ),
        body(
            FUSE_BLOCK,
            """
            for n in "123":
                conv, bn, relu = (getattr(self, kind + n, None) for kind in ("conv", "bn", "relu"))
                setattr(self, f"conv{n}", joined(conv, bn, relu, is_qat))
                setattr(self, f"bn{n}", nn.Identity())
                if relu:
                    setattr(self, f"relu{n}", nn.Identity())
            if self.downsample is not None:
                self.downsample[0] = joined(*self.downsample, None, is_qat)
                self.downsample[1] = nn.Identity()
            """,
        ),
    ),
    "modules taken from a copy": (
        body(
            FUSE_BLOCK,
            """
            fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules
            groups = [["conv1", "bn1", "relu1"], ["conv2", "bn2", "relu2"], ["conv3", "bn3"]]
            if self.downsample is not None:
                groups.append(["downsample.0", "downsample.1"])
            for name, module in fuse(self, groups, inplace=False).named_children():
                setattr(self, name, module)
            """,
        ),
    ),
    "arguments of PyTorch by name": (
        inside(
            FUSE_BLOCK,
            FUSED,
            "fuse(self, modules_to_fuse=groups, inplace=True, fuse_custom_config_dict=None)",
        ),
    ),
    "functions by index and by name": (
        below(RESNET, "from torch.ao.quantization import fuse_modules, fuse_modules_qat"),
        inside(FUSE_BLOCK, CHOICE, "fuse = [fuse_modules, fuse_modules_qat][is_qat]"),
        inside(FUSE_NETWORK, CHOICE, "fuse = getattr(tq, 'fuse_modules' + '_qat' * is_qat)"),
    ),
    "a mixin": (
        below(
            RESNET,
            """
            class Fusable:
                groups = ()

                def fuse_model(self, is_qat=False):
                    fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules
                    known = dict(self.named_modules())
                    for group in self.groups:
                        if all(name in known for name in group):
                            fuse(self, list(group), inplace=True)
            """,
        ),
        text(
            RESNET,
            "class QuantizableBottleneck(nn.Module):",
            "class QuantizableBottleneck(Fusable, nn.Module):",
        ),
        text(
            RESNET,
            "    expansion = 4",
            (
                "    groups = (('conv1', 'bn1', 'relu1'), ('conv2', 'bn2', 'relu2'),\n"
                "              ('conv3', 'bn3'), ('downsample.0', 'downsample.1'))\n"
                "    expansion = 4"
            ),
        ),
        body(FUSE_BLOCK, "super().fuse_model(is_qat)"),
    ),
    "modes by a context manager": (
        below(
            RESNET,
            """
            import contextlib


            @contextlib.contextmanager
            def mode(module, is_training):
                before = module.training
                module.train(is_training)
                try:
                    yield module
                finally:
                    module.train(before)
            """,
        ),
        inside(FUSE_BLOCK, FUSED, f"with mode(self, is_qat):\n            {FUSED}"),
    ),
    "train mode behind PTQ's fusing": (last(FUSE_NETWORK, "self.train()"),),
}

QUICK_FUSE = {
    "fused in inference mode",
    "lists found by tracing",
    "modules taken from a copy",
}
