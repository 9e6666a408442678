"""Parts 1 to 3 together: quantization after training."""

from functools import partial

from autograder.checks.observing import (
    CLASSES,
    CONVERTED,
    FORWARD,
    FUSION,
    SCALES,
    STEPS,
    caller_of_layers,
    compare_int8,
    int8_names,
    observe_layers,
    observe_output,
    observe_ranges,
    observe_scales,
    ptq,
)
from autograder.claims import Charged, Evidence, about
from autograder.expected import grids
from autograder.expected.diagnoses import FUSED_FOR_QAT, OUT_OF_PLACE, diagnose_int8_error
from autograder.expected.examination import int8_layers
from autograder.expected.inputs import DEEP, SMALL, WIDTH, Inputs
from autograder.expected.origins import RANGE_ERROR
from autograder.expected.reference import AVERAGES
from autograder.host.client import Client
from autograder.inside import experiments
from autograder.inside.questions import Int8Logits

NETWORK, OBSERVER = "QuantizableResNet.forward", "CusQuantObserver.scale_approximate"


@about(
    NETWORK,
    follows=FORWARD + FUSION + SCALES,
    excused_by=("fusion.output_unchanged", "fusion.modes"),
)
def test_converts(client: Client, inputs: Inputs, evidence: Evidence, charged: Charged) -> None:
    """The calibrated network converts, and its INT8 version computes."""
    question = ptq(inputs)
    converted = client.ask(question)
    what = "prepare, calibrate, convert, INT8 forward"
    text, place = "", observe_output(evidence, what, question, converted, charged)
    observe_layers(evidence, client.derive(int8_layers, question))
    if not charged(
        *FORWARD, *FUSION, "fusion.output_unchanged", *SCALES, "observer.symmetric_range"
    ):
        shape = question.layers, question.num_classes, question.width, question.seed
        what, ranges = "scales of activations after calibration", grids.calibrated(*shape)
        if wrong := observe_ranges(evidence, what, converted, ranges, RANGE_ERROR):
            text = "An observer sees what self.conv1(x) gives; self.conv1.forward(x) goes past it."
            place = place or caller_of_layers(client, wrong)
    diagnosis = diagnose_int8_error(converted.error) if converted.error else ""
    if diagnosis == OUT_OF_PLACE and charged(*FUSION, "fusion.modes"):
        diagnosis = FUSED_FOR_QAT
    evidence.judge(text, diagnosis, place=place)


@about(OBSERVER, follows=FUSION + SCALES + CONVERTED)
def test_power_of_two_scales(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Every scale of the INT8 network is a power of two that a right shift can apply.

    Activations, weights and residual additions; each layer, tried alone, has to compute with the
    very scale that it names.
    """
    observe_scales(evidence, ptq(inputs), client.ask(ptq(inputs)))
    observe_layers(evidence, client.derive(int8_layers, ptq(inputs)))
    evidence.judge("A scale that is no power of two needs a multiplier.")


@about("CusQuantObserver.calculate_qparams", follows=FUSION + SCALES + CONVERTED)
def test_zero_points(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The zero point is the integer that stands for 0.0: 128 for quint8, 0 for qint8."""
    qparams = client.ask(ptq(inputs)).qparams
    for name in int8_names(SMALL):
        known = qparams.get(name)
        got = "no INT8 layer" if known is None else str(known.zero_point)
        holds = known is not None and known.zero_point == 128
        evidence.add(f"zero point of the output of {name}", "128", got, holds)
        if known is not None and known.per_tensor is not None:
            weight = known.weight_zero_point
            got = "one a channel" if weight is None else str(weight)
            evidence.add(f"zero point of the weight of {name}", "0", got, weight in (0, None))
    observe_layers(evidence, client.derive(int8_layers, ptq(inputs)))
    evidence.judge("The quantization is symmetric.")


@about(NETWORK, follows=FUSION + SCALES + CONVERTED)
def test_per_tensor_weights(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Each weight has one scale, so each layer has one shift."""
    qparams = client.ask(ptq(inputs)).qparams
    layers = [*(layer.conv for layer in experiments.conv_layers(SMALL)), "fc"]
    shapes = {name: qparams[name].per_tensor for name in layers if name in qparams}
    words = {True: "one scale", False: "one scale a channel", None: "no INT8 layer"}
    for name in layers:
        is_one = shapes.get(name)
        evidence.add(f"weight of {name}", "one scale", words[is_one], bool(is_one))
    observe_layers(evidence, client.derive(int8_layers, ptq(inputs)))
    is_default = bool(shapes) and not any(shapes.values())
    diagnosis = "The default per-channel configuration was used instead of CustomQConfig.PTQ."
    evidence.judge("", diagnosis if is_default else "")


def check_logits(client: Client, evidence: Evidence, what: str, question: Int8Logits) -> None:
    """Judge the INT8 logits of a fused network at scales that were drawn for it."""
    shape = (question.layers, question.num_classes, question.width, question.seed)
    run = client.ask(question)
    right, *others = (
        partial(grids.network_logits, *shape, question.batch, first) for first in AVERAGES
    )
    place = compare_int8(evidence, what, right(), run, STEPS, (other() for other in others))
    text = "Both networks were given the same weights and scales, and have the same kernels."
    if run.returns_integers:
        evidence.add(f"logits of {what}", "floats", "integers", holds=False)
        # forward calls dequant last: without that claim this is not asked.
        text = "Logits are floats: fusing leaves dequant where it is, behind the last layer."
        place = client.beginning("QuantizableResNet.fuse_model")
    diagnosis = diagnose_int8_error(run.error) if run.error else ""
    evidence.judge(text, diagnosis, place=place)


@about(NETWORK, needs=FORWARD + FUSION, follows=("fusion.output_unchanged",))
def test_int8_logits(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The INT8 logits agree with the reference's to the bit, at the same scales."""
    shape = (SMALL, CLASSES, WIDTH, inputs.seed)
    question = Int8Logits(*shape, 2, grids.network_grids(*shape))
    check_logits(client, evidence, "the INT8 network on 2 random images", question)


@about(NETWORK, needs=FORWARD + FUSION + CONVERTED)
def test_full_depth(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """All sixteen blocks of ResNet-50 are fused, quantized and compute what the reference computes.

    At an eighth of its width: code that is right there is right at the full width, which would take
    as long as all other checks of PTQ.
    """
    shape = (DEEP, CLASSES, WIDTH, inputs.course_seed)  # the reference computes once a course
    question = Int8Logits(*shape, 1, grids.network_grids(*shape))
    what = f"the INT8 ResNet-50, {WIDTH} channels wide, on a random image"
    check_logits(client, evidence, what, question)
