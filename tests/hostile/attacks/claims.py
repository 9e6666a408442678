"""Forged answers, well-formed and wrong."""

from tests.hostile.attacks.answers import reporting
from tests.hostile.attacks.making import behind

RESCALED = """
        def rescaled(answer, change):
            converted = getattr(answer, "converted", answer)
            qparams = {
                name: changed(known, scale=change(known.scale), weight_scale=(
                    known.weight_scale and change(known.weight_scale)))
                for name, known in converted.qparams.items()
            }
            converted = changed(converted, qparams=qparams)
            has_more = hasattr(answer, "converted")
            return changed(answer, converted=converted) if has_more else converted
"""

NOTHING_FUSED = """
        @forge(questions.Fusion)
        def fusion(question):
            output = torch.ones(2, 10)
            return questions.FusedNetwork(output=output, layers={}, integers={})
"""

LOOKS_FUSED = """
        def fused(module, layers, question):
            module.train(question.is_qat)
            tried = {}
            with torch.no_grad():
                for layer in layers:
                    weight = module.get_submodule(layer.conv).weight
                    value = experiments.layer_input(question.seed, layer.conv, weight.shape[1])
                    for name in filter(None, layer):
                        value = module.get_submodule(name)(value)
                    rest = experiments.layer_input(question.seed, layer.bn, weight.shape[0])
                    gamma = torch.ones(weight.shape[0])
                    tried[layer.conv] = questions.FusedLayer(
                        front=value.clone(), rest=rest.clone(), gamma=gamma, beta=gamma.clone())
            return tried
"""

# What is only claimed earns nothing: the numbers behind it are looked at.
CLAIMS = behind(("reference",), [
    reporting("the addition was watched", """
        addition, block = real(questions.Addition), real(questions.Int8Block)
        uses = [("skip_add_relu", "add_relu")]
        @forge(questions.Addition)
        def forged(question):
            return changed(addition(question), functionals=uses)
        @forge(questions.Int8Block)
        def forged_block(question):
            return changed(block(question), error=None)
        """, "plain addition"),
    reporting("an addition at a scale of its own", """
        addition = real(questions.Addition)
        @forge(questions.Addition)
        def forged(question):
            pair = experiments.summands(question.seed, 4 * question.channels)
            a, b = map(experiments.integers, pair)
            summed = torch.relu(a.dequantize() + b.dequantize())
            integers = torch.quantize_per_tensor(summed, 0.05, 128, torch.quint8).int_repr()
            return changed(addition(question), functionals=[("skip_add_relu", "add_relu")],
                           integers=integers, error=None)
        """, "plain addition"),
    reporting("an addition out of nothing", """
        @forge(questions.Addition)
        def addition(question):
            a, b = experiments.summands(question.seed, 4 * question.channels)
            integers = torch.full(a.shape, 128, dtype=torch.uint8)
            return questions.AdditionRun(functionals=[("skip_add_relu", "add_relu")],
                                         output=a + b, integers=integers)
        """, "skeleton"),
    reporting("gradients out of nothing", """
        @forge(questions.Gradients)
        def gradients(question):
            import lab3.resnet
            block = lab3.resnet.QuantizableBottleneck(
                question.in_channels, question.channels, question.stride).double()
            made = {name: torch.ones_like(p).detach() for name, p in block.named_parameters()}
            shape = 2, question.in_channels, 8, 8
            size = 8 // question.stride
            return questions.GradientRun(
                output=torch.ones(2, 4 * question.channels, size, size).double(),
                gradients={**made, "input": torch.ones(shape).double()})
        """, "skeleton"),
    reporting("a block that is the input", """
        @forge(questions.Block)
        def block(question):
            return questions.CaseOutputs(outputs=[
                experiments.input_of(question.seed, c.batch, question.in_channels, c.size, c.size)
                for c in question.cases])
        """, "skeleton"),
    reporting("stubs that stand right", """
        @forge(questions.Int8Network)
        def network(question):
            output = torch.zeros(question.batch, question.num_classes)
            return questions.Int8NetworkRun(output=output, stubs=(1, 1, "first", "last"))
        @forge(questions.Network)
        def floats(question):
            return questions.CaseOutputs(outputs=[
                torch.zeros(c.batch, question.num_classes) for c in question.cases])
        """, "skeleton"),
    reporting("ranges of another observer", """
        @forge(questions.Ranges)
        def ranges(question):
            count = len(question.observed)
            return questions.RangeScales(
                scales=[2.0 ** -(i % 9) for i in range(count)], zero_points=[128] * count)
        """, "no qparams", ("judgement",)),
    reporting("a converted network", NOTHING_FUSED + """
        @forge(questions.Ptq)
        def ptq(question):
            return questions.Converted(qparams={}, layers={}, output=torch.ones(2, 10))
        @forge(questions.Int8Logits)
        def logits(question):
            return questions.Int8Run(output=torch.ones(question.batch, question.num_classes))
        """, "skeleton", ("judgement",)),
    reporting("degenerate scales", NOTHING_FUSED + """
        @forge(questions.Ptq)
        def ptq(question):
            names = [layer.conv for layer in experiments.conv_layers(question.layers)]
            names += ["quant", "fc"]
            known = questions.Qparams(scale=1.0, zero_point=128, per_tensor=True,
                                      weight_scale=1.0, weight_zero_point=0)
            shape = 2, 8, 6, 6
            return questions.Converted(
                qparams=dict.fromkeys(names, known), output=torch.ones(2, 10),
                layers={n: torch.full(shape, 128, dtype=torch.uint8) for n in names})
        """, "skeleton", ("judgement",)),
    reporting("an unchanged output", NOTHING_FUSED + """
        @forge(questions.Outputs)
        def outputs(question):
            return questions.FusionOutputs(before=torch.ones(2, 10), layers=torch.ones(2, 10))
        """, "skeleton", ("judgement",)),
    reporting("QAT out of nothing", """
        @forge(questions.Qat)
        def qat(question):
            import lab3.resnet
            network = lab3.resnet.QuantizableResNet(question.layers, 10, question.width)
            experiments.fill(network, question.seed)
            convolutions = {
                layer.conv: questions.TrainedLayer(
                    weight=network.get_submodule(layer.conv).weight.detach() + 0.01,
                    output=torch.ones(1), fake_scale=1.0)
                for layer in experiments.conv_layers(question.layers)
            }
            converted = questions.Converted(qparams={}, layers={}, output=torch.zeros(2, 10))
            return questions.Trained(convolutions=convolutions, losses=[1.0], converted=converted)
        """, "skeleton", ("judgement",)),
    reporting("layers that look fused, one by one", LOOKS_FUSED + """
        @forge(questions.BlockFusion)
        def block_fusion(question):
            block = probes.bottleneck(question)
            shape = question.in_channels, question.channels, question.stride
            layers = experiments.block_layers(*shape)
            return questions.FusedBlock(layers=fused(block, layers, question))
        @forge(questions.Fusion)
        def fusion(question):
            network = probes.build(question.layers, 10, question.width, question.seed)
            layers = experiments.conv_layers(question.layers)
            tried = fused(network, layers, question)
            output = network(probes.network_images(question.seed)).detach()
            return questions.FusedNetwork(output=output, layers=tried, integers={})
        @forge(questions.StemFusion)
        def stem_fusion(question):
            network = probes.build((1, 1, 1, 1), 10, question.width, question.seed)
            tried = fused(network, experiments.STEM, question)
            return questions.FusedStem(layer=tried["conv1"])
        """, "nothing fused", ("integers",)),
    *(
        reporting(f"power-of-two scales of {kind}", RESCALED + f"""
        {kind} = real(questions.{kind})
        @forge(questions.{kind})
        def forged(question):
            return rescaled({kind}(question), lambda scale: 2 ** -4)
        """, "wrong scales")
        for kind in ("Ptq", "Qat")
    ),
    reporting("scales clamped in their report", RESCALED + """
        for kind in (questions.Ptq, questions.Qat):
            forge(kind)(lambda question, honest=real(kind): rescaled(
                honest(question), lambda scale: min(max(scale, 2.0 ** -8), 1.0)))
        """, "scales too small"),
])  # fmt: skip
