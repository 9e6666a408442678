"""Parts 1 to 3 together: quantization-aware training."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from autograder import experiments, reference
from autograder.checks.test_ptq import exponent, is_shift
from autograder.claims import Evidence, about
from autograder.client import Client, NoAnswerError, QatAnswer
from autograder.diagnoses import diagnose_fusion_error
from autograder.inputs import SMALLEST, WIDTH, Inputs

STEPS = 2
FUSE = "QuantizableResNet.fuse_model"


def ask(client: Client, inputs: Inputs) -> tuple[QatAnswer, Mapping[str, Tensor]]:
    """Return the network after a few steps of QAT."""
    try:
        return client.ask(
            "qat", QatAnswer, layers=SMALLEST, num_classes=10, width=WIDTH, seed=inputs.seed,
            steps=STEPS,
        )  # fmt: skip
    except NoAnswerError as error:
        if error.error and error.outcome == "crashed":
            error.diagnosis = diagnose_fusion_error(error.error)
        raise


def is_on_grid(values: Tensor | None, scale: float | None) -> bool:
    """Tell whether all values are whole multiples of a scale, as FakeQuantize leaves them."""
    if values is None or scale is None or not 0 < scale < math.inf:
        return False
    steps = values / scale
    return bool(values.abs().max() > 0 and (steps - steps.round()).abs().max() < 1e-3)


@about(FUSE)
def test_fake_quantize(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """While QAT trains, FakeQuantize rounds the output of every convolution to its grid."""
    answer, tensors = ask(client, inputs)
    for layer in experiments.conv_layers(SMALLEST):
        scale = answer.fake.get(layer.conv)
        holds = is_on_grid(tensors.get(f"output of {layer.conv}"), scale)
        got = "no FakeQuantize" if scale is None else f"multiples of {exponent(scale)}"
        evidence.add(f"output of {layer.conv}", "multiples of its scale",
                     got if holds or scale is None else f"no {got}", holds)  # fmt: skip
    evidence.judge(
        "",
        "Plain observers watch but don't round: training is ordinary fine-tuning."
        if not answer.fake
        else "",
    )


@about(FUSE)
def test_weights_move(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """A few training steps change the weights of every convolution."""
    answer, tensors = ask(client, inputs)
    network = reference.filled(SMALLEST, 10, WIDTH, inputs.seed)
    for layer in experiments.conv_layers(SMALLEST):
        before = network.get_submodule(layer.conv).weight
        after = tensors.get(f"weight of {layer.conv}")
        holds, got = False, "no weight"
        if after is not None and isinstance(before, Tensor) and after.shape == before.shape:
            moved = float((after - before).abs().max())
            holds, got = 0 < moved < math.inf, f"moved by up to {moved:.3g}"
        evidence.add(f"weight of {layer.conv} after {STEPS} steps", "moved", got, holds)
    finite = [math.isfinite(loss) for loss in answer.losses]
    evidence.add("losses", "finite", ", ".join(f"{loss:.4g}" for loss in answer.losses),
                 bool(finite) and all(finite))  # fmt: skip
    evidence.judge("A weight that never moves has no gradient.")


@about(FUSE)
def test_converts(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The trained network converts, its scales are powers of two, and it computes."""
    answer, tensors = ask(client, inputs)
    for name, known in sorted(answer.qparams.items()):
        for what, scale in (("output", known.scale), ("weight", known.weight_scale)):
            if scale is not None:
                evidence.add(f"scale of the {what} of {name}", "2**-S with 0 <= S <= 8",
                             exponent(scale), is_shift(scale))  # fmt: skip
    output = tensors.get("output")
    is_finite = output is not None and bool(torch.isfinite(output).all())
    got = str(answer.forward_error) if answer.forward_error else "finite logits"
    evidence.add("the INT8 network", "finite logits", got if is_finite or answer.forward_error
                 else "no finite logits", is_finite)  # fmt: skip
    evidence.judge("QAT trains the weights for the very scales that hardware will have.")
