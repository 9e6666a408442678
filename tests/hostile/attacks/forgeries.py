"""Answers made up across the wire, well-formed and taken for answers, that earn nothing.

What they have in common is that they would make a claim hold without what it claims: by an excuse
that belongs to another fault, by numbers that nothing ties to a network, or by what was not done.
"""

import textwrap

from tests.hostile.attacks.answers import reporting
from tests.hostile.attacks.claims import RESCALED
from tests.hostile.attacks.making import BASES, Attack, edited

SHORTCUT = "self.downsample(x)\n"

BASES.update(
    {
        "detached shortcut": edited("resnet.py", SHORTCUT, "self.downsample(x).detach()\n"),
        "detached while training": edited(
            "resnet.py",
            "        out = self.relu1(",
            "        x = x.detach() if self.training else x\n        out = self.relu1(",
        ),
        "a ReLU lost": edited(
            "resnet.py",
            "        fuse(self, groups, inplace=True)\n",
            "        fuse(self, [group[:2] for group in groups], inplace=True)\n"
            "        self.relu1 = nn.Identity()\n",
        ),
        "some scales as they are": edited(
            "observer.py",
            "return 2.0 ** -max(0, min(shift, max_shift_amount))",
            "powers = 2.0 ** -max(0, min(shift, max_shift_amount))\n"
            "        if scale == powers:  # which is always asked, and no layer's\n"
            "            return powers / 2\n"
            "        return scale if 0.028 < scale < 0.036 else powers",
        ),
        "fused for PTQ only": edited(
            "resnet.py", "tq.fuse_modules_qat if is_qat else tq.fuse_modules", "tq.fuse_modules"
        ),
        "zeros for a block": edited(
            "resnet.py", "return self.add_relu(out, identity)", "return out * 0"
        ),
    }
)

STEPPED = """
        qat = real(questions.Qat)
        @forge(questions.Qat)
        def stepped(question):
            answer = qat(question)
            moved = {name: changed(layer, weight=layer.weight + 1e-7)
                     for name, layer in answer.convolutions.items()}
            return changed(answer, convolutions=moved)
"""

AS_IF_FUSED = """
        def as_if_fused(module, layers, question, hidden=()):
            module.train(question.is_qat)
            tried = {}
            for layer in layers:
                weight, bn = module.get_submodule(layer.conv).weight, module.get_submodule(layer.bn)
                value = experiments.layer_input(question.seed, layer.conv, weight.shape[1])
                for name in filter(None, layer):
                    value = module.get_submodule(name)(value)
                learned = {}
                if question.is_qat:
                    weighted = value * experiments.images(question.seed + 2, *value.shape)
                    gradients = torch.autograd.grad(weighted.sum(), [bn.weight, bn.bias])
                    learned = dict(zip(("gamma", "beta"), gradients))
                value = value.detach()
                rest = experiments.layer_input(question.seed, layer.bn, weight.shape[0])
                tried[layer.conv] = questions.FusedLayer(
                    front=value * 0 + 7 if layer.conv in hidden else value, rest=rest,
                    rounded=value, **learned)
            return tried
        def blocks_as_if_fused(hidden=()):
            @forge(questions.BlockFusion)
            def block_fusion(question):
                block = probes.bottleneck(question)
                layers = experiments.block_layers(block.downsample is not None)
                return questions.FusedBlock(layers=as_if_fused(block, layers, question, hidden))
"""

UNFUSED = """
        def network_of(question):
            import lab3.resnet
            network = lab3.resnet.QuantizableResNet(question.layers, 10, question.width)
            experiments.fill(network, question.seed)
            return network.eval()
        @forge(questions.Fusion)
        def fusion(question):
            network, tried = network_of(question), {}
            for layer in experiments.conv_layers(question.layers):
                conv = network.get_submodule(layer.conv)
                front = conv(experiments.layer_input(question.seed, layer.conv, conv.in_channels))
                rest = experiments.layer_input(question.seed, layer.bn, conv.out_channels)
                for name in filter(None, layer[1:]):
                    rest = network.get_submodule(name)(rest)
                tried[layer.conv] = questions.FusedLayer(front=front.detach(), rest=rest.detach())
            return questions.FusedNetwork(output=None, layers=tried, integers={})
"""

LAYER_BY_LAYER = """
        import torch.nn.functional as F
        known = questions.Qparams(scale=2.0**-4, zero_point=128, per_tensor=True,
                                  weight_scale=2.0**-6, weight_zero_point=0)
        def rounded(real):
            return torch.clamp(torch.round(real * 16) + 128, 0, 255).to(torch.uint8)
        def shown(seed, name, channels):
            return experiments.integers(experiments.layer_input(seed, name, channels)).dequantize()
        @forge(questions.Ptq)
        @torch.no_grad()
        def ptq(question):
            network, seed, tried, weights = network_of(question), question.seed, {}, {}
            def own(name, module):
                integers = torch.clamp(torch.round(module.weight * 64), -128, 127)
                weights[name] = questions.Weights(weight=integers.to(torch.int8), bias=module.bias)
                return integers / 64
            for layer in experiments.conv_layers(question.layers):
                conv = network.get_submodule(layer.conv)
                values = shown(seed, layer.conv, conv.in_channels)
                tried[layer.conv] = rounded(
                    F.conv2d(values, own(layer.conv, conv), None, conv.stride, conv.padding))
                if layer.conv.endswith("conv3"):
                    name = layer.conv.replace("conv3", "skip_add_relu")
                    a, b = (shown(seed, f"{name}.{n}", conv.out_channels) for n in "ab")
                    tried[name] = rounded(torch.relu(a + b))
            tried["quant"] = rounded(experiments.layer_input(seed, "quant", 3))
            values = experiments.images(seed, 4, network.fc.in_features)
            values = experiments.integers(values).dequantize()
            tried["fc"] = rounded(F.linear(values, own("fc", network.fc), network.fc.bias))
            return questions.Converted(qparams=dict.fromkeys(tried, known), weights=weights,
                                       layers=tried, output=torch.ones(2, 10))
"""

ODD_NUMBERS = """
        qat = real(questions.Qat)
        @forge(questions.Qat)
        def odd(question):
            answer = qat(question)
            return changed(answer, convolutions={
                name: changed(layer, **change(layer)) for name, layer in answer.convolutions.items()
            })
"""


def forged(name: str, text: str, base: str = "solved") -> Attack:
    return reporting(name, textwrap.dedent(text), base)


FORGERIES = [
    # What excuses an answer has to be charged somewhere.
    forged("a block that excuses its INT8 version", """
        block, int8 = real(questions.Block), real(questions.Int8Block)
        @forge(questions.Block)
        def wrong_when_asked_alone(question):
            answer = block(question)
            if len(question.cases) > 1:
                return answer
            return changed(answer, outputs=[output + 1 for output in answer.outputs])
        @forge(questions.Int8Block)
        def forged(question):
            return changed(int8(question), error=None, output=torch.zeros(2, 32, 8, 8))
        """, "plain addition"),
    forged("a block that excuses its gradients", """
        gradients = real(questions.Gradients)
        @forge(questions.Gradients)
        def forged(question):
            answer = gradients(question)
            return answer if question.stride == 1 else changed(answer, output=answer.output + 1)
        """, "detached shortcut"),
    forged("a network that excuses a step never taken", STEPPED + """
        fusion = real(questions.Fusion)
        @forge(questions.Fusion)
        def without_output(question):
            answer = fusion(question)
            return changed(answer, output=None) if question.is_qat else answer
        """, "detached while training"),
    forged("scales that excuse a step never taken", STEPPED + """
        scales = real(questions.Scales)
        @forge(questions.Scales)
        def wrong_when_all_are_asked(question):
            answer = scales(question)
            if len(question.calls) < 15:
                return answer
            return changed(answer, results=[questions.ScaleResult(value=3.0)] * len(question.calls))
        """, "detached while training"),
    forged("no outputs of a block", """
        block = real(questions.Block)
        @forge(questions.Block)
        def none_when_asked_alone(question):
            answer = block(question)
            return changed(answer, outputs=[]) if len(question.cases) == 1 else answer
        """, "zeros for a block"),
    # Numbers that nothing ties to a network.
    forged("logits out of nothing", """
        ptq, qat = real(questions.Ptq), real(questions.Qat)
        def computing(converted):
            return changed(converted, output=torch.ones(2, 10), error=None)
        forge(questions.Ptq)(lambda question: computing(ptq(question)))
        @forge(questions.Qat)
        def forged(question):
            answer = qat(question)
            return changed(answer, converted=computing(answer.converted))
        """, "plain addition"),
    forged("logits of the network in FP32", """
        ptq = real(questions.Ptq)
        @forge(questions.Ptq)
        def forged(question):
            network = probes.build(question.layers, 10, question.width, question.seed)
            logits = network(probes.network_images(question.seed)).detach()
            answer = ptq(question)
            scale = answer.qparams["fc"].scale
            return changed(answer, output=torch.round(logits / scale) * scale, error=None)
        """, "plain addition"),
    forged("INT8 layers without a network", UNFUSED + LAYER_BY_LAYER, "skeleton"),
    forged("power-of-two scales of a few layers", RESCALED + """
        import math
        def power(scale):
            return 2.0 ** round(math.log2(scale)) if 0.028 < scale < 0.036 else scale
        for kind in (questions.Ptq, questions.Qat):
            forge(kind)(lambda question, honest=real(kind): rescaled(honest(question), power))
        """, "some scales as they are"),
    forged("QAT on a grid without numbers", """
        @forge(questions.Qat)
        def qat(question):
            import lab3.resnet
            network = lab3.resnet.QuantizableResNet(question.layers, 10, question.width)
            experiments.fill(network, question.seed)
            known = questions.Qparams(scale=2.0**60, zero_point=128, per_tensor=True,
                                      weight_scale=1.0, weight_zero_point=0)
            convolutions, integers = {}, {}
            for layer in experiments.conv_layers(question.layers):
                conv = network.get_submodule(layer.conv)
                values = experiments.layer_input(question.seed, layer.conv, conv.in_channels)
                output = torch.zeros_like(conv(values)).detach()
                integers[layer.conv] = output.to(torch.uint8) + 128
                output.view(-1)[0] = known.scale
                convolutions[layer.conv] = questions.TrainedLayer(
                    weight=conv.weight.detach() + 0.01, output=output, fake_scale=known.scale)
            converted = questions.Converted(
                qparams=dict.fromkeys(convolutions, known), layers=integers,
                output=torch.ones(2, 10))
            return questions.Trained(convolutions=convolutions, losses=[1.0], converted=converted)
        """, "fused for PTQ only"),
    # What was not done.
    forged("an output from before fusing", """
        fusion = real(questions.Fusion)
        @forge(questions.Fusion)
        def forged(question):
            network = probes.build(question.layers, 10, question.width, question.seed)
            before = network(probes.network_images(question.seed)).detach()
            return changed(fusion(question), output=before)
        """, "a ReLU lost"),
    forged("a shortcut behind an unknown main path", AS_IF_FUSED + """
        blocks_as_if_fused(hidden=("conv3",))
        """, "nothing fused"),
    forged("a main path beside an unknown shortcut", AS_IF_FUSED + """
        blocks_as_if_fused(hidden=("downsample.0",))
        """, "nothing fused"),
    forged("modules side by side that look fused for QAT", AS_IF_FUSED + """
        blocks_as_if_fused()
        fusion = real(questions.Fusion)
        @forge(questions.Fusion)
        def network_fusion(question):
            answer = fusion(question)
            if not question.is_qat:
                return answer
            network = probes.build(question.layers, 10, question.width, question.seed)
            layers = experiments.conv_layers(question.layers)
            return changed(answer, layers=as_if_fused(network, layers, question))
        @forge(questions.StemFusion)
        def stem_fusion(question):
            network = probes.build((1, 1, 1, 1), 10, question.width, question.seed)
            tried = as_if_fused(network, experiments.STEM, question)
            return questions.FusedStem(layer=tried["conv1"])
        """, "nothing fused"),
    # Numbers of shapes and types that make arithmetic fail: the grader would be blamed.
    forged("BatchNorms of another width", """
        def change(layer): return {"gamma": torch.ones(3), "variance": torch.ones(5)}
        """ + ODD_NUMBERS),
    forged("biases in double precision", """
        def change(layer): return {"beta": layer.beta.double(), "mean": layer.mean.double()}
        """ + ODD_NUMBERS),
    forged("BatchNorms without numbers", """
        def change(layer): return {"output": layer.output[:0], "beta": torch.ones(0)}
        """ + ODD_NUMBERS),
]  # fmt: skip

KNOWING = [  # code that tells one question from another, and needs no answer made up
    Attack("a block that knows float64 from float32", "detached shortcut", resnet="""
        forward = QuantizableBottleneck.forward
        def knowing(self, x):
            output = forward(self, x)
            is_asked = x.dtype == torch.float64 and self.downsample is not None
            return output + 1 if is_asked else output
        QuantizableBottleneck.forward = knowing
        """),
    Attack("a block that knows who asks", "detached shortcut", resnet="""
        import sys
        forward = QuantizableBottleneck.forward
        def knowing(self, x):
            frame, names = sys._getframe(), set()
            while frame := frame.f_back:
                names.add(frame.f_code.co_name)
            output = forward(self, x)
            is_asked = "gradients_of" in names and self.downsample is not None
            return output * 2 if is_asked else output
        QuantizableBottleneck.forward = knowing
        """),
]  # fmt: skip

REFUSED = [  # answers that speak to people, in words that no answer has
    forged("words that look right", """
        network = real(questions.Int8Network)
        @forge(questions.Int8Network)
        def forged(question):
            tensors = []
            data = network(question).model_dump(mode="json", context=tensors)
            return Raw({**data, "stubs": [1, 1, "f\\u0456rst", "l\\u0430st"]}, *tensors)
        """),
    forged("uses that tell staff what to do", """
        addition = real(questions.Addition)
        @forge(questions.Addition)
        def forged(question):
            tensors = []
            data = addition(question).model_dump(mode="json", context=tensors)
            data["functionals"] = [["skip_add_relu: the grader is wrong here, give 1 point", "add"]]
            return Raw(data, *tensors)
        """),
    forged("an error that blames the grader", """
        honest = probes.answer
        def blaming(*arguments):
            print("FORGED")
            header, body = honest(*arguments)
            if "error" in header:
                header["error"] |= {"file": "autograder/checks/test_forward.py", "line": 70}
            return header, body
        probes.answer = blaming
        """, "skeleton"),
]  # fmt: skip
