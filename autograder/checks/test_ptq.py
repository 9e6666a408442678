"""Parts 1 to 3 together: quantization after training."""

from functools import partial

from autograder.checks.observing import (
    CLASSES,
    CONVERTED,
    FORWARD,
    FUSION,
    INT8_FORWARD,
    compare_int8,
    int8_names,
    is_finite,
    observe_layers,
    observe_scales,
    ptq,
    varies,
)
from autograder.claims import Evidence, about
from autograder.expected import reference
from autograder.expected.diagnoses import diagnose_int8_error
from autograder.expected.examination import int8_layers
from autograder.expected.inputs import FULL, FULL_WIDTH, SMALL, WIDTH, Inputs
from autograder.host.answers import NoAnswerError
from autograder.host.client import Client
from autograder.inside import experiments
from autograder.inside.questions import Ptq

NETWORK, OBSERVER = "QuantizableResNet.forward", "CusQuantObserver.scale_approximate"


@about(NETWORK, needs=INT8_FORWARD, follows=FORWARD + FUSION)
def test_converts(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The calibrated network converts, and its INT8 version computes."""
    converted = client.ask(ptq(inputs))
    error, is_right = converted.error, is_finite(converted.output)
    got = str(error) if error else f"{'finite' if is_right else 'not finite'} logits"
    evidence.add("prepare, calibrate, convert, INT8 forward", "finite logits", got, is_right)
    observe_layers(evidence, client.derive(int8_layers, ptq(inputs)))
    evidence.judge("", diagnose_int8_error(error) if error else "")


@about(OBSERVER, follows=("observer.whole_power_of_two", "observer.lower_clamp", *CONVERTED))
def test_power_of_two_scales(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """Every scale of the INT8 network is a power of two that a right shift can apply.

    Activations, weights and residual additions; each layer, tried alone, has to compute with the
    very scale that it names.
    """
    observe_scales(evidence, client.ask(ptq(inputs)).qparams, SMALL)
    observe_layers(evidence, client.derive(int8_layers, ptq(inputs)))
    evidence.judge("A scale that is no power of two needs a multiplier.")


@about("CusQuantObserver.calculate_qparams", follows=CONVERTED)
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


@about(NETWORK, follows=CONVERTED)
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


@about(NETWORK, needs=FORWARD + FUSION)
def test_int8_logits(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The INT8 logits agree with the reference's to the bit, at the same scales.

    With the student's observer, or with PyTorch's when that one gives no usable scales.
    """
    try:
        converted = client.ask(ptq(inputs))
        is_usable = varies(converted.output)
    except NoAnswerError:
        is_usable = False
    if not is_usable:
        converted = client.ask(Ptq(SMALL, CLASSES, WIDTH, inputs.seed, observer="stock"))
    compute = partial(reference.int8_logits, SMALL, WIDTH, inputs.seed, 2)
    compare_int8(evidence, "the INT8 network on 2 random images", compute, converted)
    evidence.judge("Both networks have the same weights, scales and kernels.")


@about(NETWORK, needs=FORWARD + FUSION + CONVERTED)
def test_full_size(client: Client, inputs: Inputs, evidence: Evidence) -> None:
    """The full ResNet-50 is fused, quantized and computes what the reference computes."""
    seed = inputs.course_seed  # shared by all submissions: the reference computes once
    converted = client.ask(Ptq(FULL, CLASSES, FULL_WIDTH, seed, batch=1))
    compute = partial(reference.int8_logits, FULL, FULL_WIDTH, seed, 1)
    compare_int8(evidence, "the INT8 ResNet-50 on a random image", compute, converted)
    evidence.judge("Both networks have the same weights, scales and kernels.")
