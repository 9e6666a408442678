"""The networks computed on integers and shifts alone: what was equal, needed and saved."""

from collections.abc import Iterator

from lab3.log.certificate import ACCUMULATOR_BITS, Certificate, EngineProof, IntegerLayer
from tools.report.facts import hardware as facts
from tools.report.facts.hardware import Bounds, Certificates
from tools.report.figures.hardware import alt_hardware, save_hardware
from tools.report.sections.context import Context, details
from tools.report.sources import last_line_of
from tools.report.tables import decibels, optional
from tools.report.texts import Texts

NAMED_LAYERS = 3  # of those that differ for one reason; the others are counted


def paragraphs(context: Context) -> Iterator[str]:
    t, logs = context.t, context.sources.certified
    names = {kind: log.name for kind, log in logs.items()}
    runs = {kind: log.certificate for kind, log in logs.items() if log.certificate}
    if not runs:
        yield t("sentences.no_certificate")
        return
    for kind, certificate in runs.items():
        yield verdict(names[kind], certificate, t)
        yield "\n".join(f"- {text}" for text in other_engines(names[kind], certificate, t))
    yield from dict.fromkeys(rounding(certificate, t) for certificate in runs.values())
    if drawn := {k: run for k, run in runs.items() if facts.accumulating(run.layers)}:
        context.draw(lambda path: save_hardware(path, drawn, context.labels), "hardware")
        yield context.image("hardware", alt_hardware(drawn, names, t))
        yield context.caption("hardware", bits=ACCUMULATOR_BITS)
    yield from summary(context, runs, names)
    yield t("sentences.saved")
    for kind, certificate in runs.items():
        rows = [step_row(layer, t) for layer in certificate.layers]
        table = context.table("steps", rows, left=2)
        yield details(t("captions.steps", run=names[kind]), table)
    yield context.source(*((log, last_line_of(log, Certificate)) for log in logs.values()))


def verdict(run: str, certificate: Certificate, t: Texts) -> str:
    """Return whether all values are those of the engine that the run was quantized for."""
    proof = certificate.proofs[0]
    numbers = {
        "run": run,
        "values": f"{proof.values:,}",
        "layers": f"{len(certificate.layers):,}",
        "images": f"{proof.images:,}",
        "engine": proof.engine,
        "processor": certificate.processor,
    }
    if certificate.is_identical:
        return t("sentences.integers_equal", **numbers)
    return t("sentences.integers_differ", **numbers, **differences(certificate, proof, t))


def other_engines(run: str, certificate: Certificate, t: Texts) -> Iterator[str]:
    """Yield how the other engines compare, one sentence for those that compute the same."""
    for proof, names in facts.alike(certificate.proofs[1:]):
        engines, images = t("rows.comma").join(names), f"{proof.images:,}"
        if not proof.different:
            yield t("sentences.engine_equal", run=run, engines=engines, images=images)
            continue
        yield t(
            "sentences.engine_differs",
            run=run,
            engines=engines,
            images=images,
            values=f"{proof.values:,}",
            changed=f"{proof.changed_classes:,}",
            own=certificate.engine,
            **differences(certificate, proof, t),
        )


def differences(certificate: Certificate, proof: EngineProof, t: Texts) -> dict[str, str]:
    """Return how often, how far, where and why an engine differs."""
    other_ties = t("rows.away" if certificate.ties == "even" else "rows.even")
    reasons = []
    for reason, layers in (facts.layers_by_reason(proof) or {"unknown": []}).items():
        why = t(f"reasons.{reason}", ties=other_ties)
        reasons.append(t("sentences.reason", layers=layer_names(layers, t), why=why))
    return {
        "different": f"{proof.different:,}",
        "step": f"{facts.largest_step(proof):,}",
        "reasons": t("rows.semicolon").join(reasons),
    }


def layer_names(layers: list[str], t: Texts) -> str:
    """Return the names of layers, or of the first ones and how many there are."""
    names = t("rows.comma").join(f"`{layer}`" for layer in layers[:NAMED_LAYERS]) or "?"
    more = len(layers) - NAMED_LAYERS
    return t("rows.more", names=names, count=more) if more > 0 else names


def rounding(certificate: Certificate, t: Texts) -> str:
    return t("sentences.ties", ties=t(f"rows.{certificate.ties}"), engine=certificate.engine)


def summary(context: Context, runs: Certificates, names: dict[str, str]) -> Iterator[str]:
    """Yield a table of what was compared and computed, and one of what that saves."""
    rows, savings = [], []
    for kind, certificate in runs.items():
        proof, totals = certificate.proofs[0], facts.totals(certificate)
        rows.append(
            (
                f"`{names[kind]}`",
                f"{proof.images:,}",
                f"{proof.values:,}",
                f"{proof.different:,}",
                span(totals.products, context.t),
                span(totals.additions, context.t),
                dash(totals.bits),
                dash(totals.seen_bits),
                dash(totals.head_room),
            )
        )
        savings.append(
            (
                f"`{names[kind]}`",
                f"{totals.multiplications:,}",
                f"{totals.saved:,}",
                f"{100 * totals.saved_part:.2f}",
                f"{100 * totals.saturated_part:.3f}",
            )
        )
    yield context.table("hardware", rows)
    yield context.table("savings", savings)


def span(bounds: Bounds | None, t: Texts) -> str:
    if bounds is None or bounds[0] == bounds[1]:
        return dash(bounds and bounds[0])
    return t("rows.range", low=bounds[0], high=bounds[1])


def step_row(layer: IntegerLayer, t: Texts) -> tuple[str, ...]:
    return (
        f"`{layer.layer}`",
        t(f"rows.{layer.operation}"),
        dash(layer.shift),
        "-" if layer.alignment is None else "{} / {}".format(*layer.alignment),
        str(layer.scale_shift),
        t("rows.comma").join(t(f"rows.{role}") for role in layer.clamped),
        dash(layer.accumulator_bits),
        dash(layer.seen_bits),
        dash(facts.head_room(layer.accumulator_bits)),
        f"{layer.below:,}",
        f"{layer.above:,}",
        decibels(layer.sqnr_db),
    )


def dash(number: int | None) -> str:
    return optional(number, "{:,}", "-")
