"""The report on a network that was computed on integers and shifts alone."""

from collections.abc import Iterator

from lab3.log.certificate import ACCUMULATOR_BITS, Certificate, EngineProof, IntegerLayer
from tools.report.facts import hardware
from tools.report.facts.hardware import Bounds, Certificates
from tools.report.figures.hardware import alt_hardware, save_hardware
from tools.report.sections.context import Part, details
from tools.report.sources import last_line_of

NAMED_LAYERS = 3  # of those that differ for one reason; the others are counted


class HardwarePart(Part):
    """Makes a block of Markdown from the certificates of the PTQ and the QAT run."""

    def hardware(self) -> Iterator[str]:
        logs = {"ptq": self.material.ptq, "qat": self.material.qat}
        logs = {kind: log for kind, log in logs.items() if log and log.certificate}
        names = {kind: log.name for kind, log in logs.items() if log}
        runs = {kind: log.certificate for kind, log in logs.items() if log and log.certificate}
        if not runs:
            yield self.t("sentences.no_certificate")
            return
        for kind, certificate in runs.items():
            yield self.verdict(names[kind], certificate)
            yield "\n".join(f"- {text}" for text in self.others(names[kind], certificate))
        yield from dict.fromkeys(map(self.rounding, runs.values()))
        if drawn := {k: run for k, run in runs.items() if hardware.accumulating(run.layers)}:
            self.draw(lambda path: save_hardware(path, drawn, self.labels), "hardware")
            yield self.image("hardware", alt_hardware(drawn, names, self.t))
            yield self.t("captions.hardware", bits=ACCUMULATOR_BITS)
        yield from self.summary(runs, names)
        yield self.t("sentences.saved")
        for kind, certificate in runs.items():
            rows = [self.step_row(layer) for layer in certificate.layers]
            table = self.table("steps", rows, left=2)
            yield details(self.t("captions.steps", run=names[kind]), table)
        yield self.source(*((log, last_line_of(log, Certificate)) for log in logs.values() if log))

    def verdict(self, run: str, certificate: Certificate) -> str:
        """Return whether all values are those of the engine that the run was quantized for."""
        proof = certificate.proofs[0]
        said = {
            "run": run,
            "values": f"{proof.values:,}",
            "layers": f"{len(certificate.layers):,}",
            "images": f"{proof.images:,}",
            "engine": proof.engine,
            "processor": certificate.processor,
        }
        if certificate.is_identical:
            return self.t("sentences.integers_equal", **said)
        return self.t("sentences.integers_differ", **said, **self.differences(certificate, proof))

    def others(self, run: str, certificate: Certificate) -> Iterator[str]:
        """Yield how the other engines compare, one sentence for those that compute the same."""
        for proof, names in hardware.alike(certificate.proofs[1:]):
            engines = self.t("rows.comma").join(names)
            said = {"run": run, "engines": engines, "images": f"{proof.images:,}"}
            if proof.different:
                yield self.t(
                    "sentences.engine_differs", **said, values=f"{proof.values:,}",
                    changed=f"{proof.changed_classes:,}", own=certificate.engine,
                    **self.differences(certificate, proof),
                )  # fmt: skip
            else:
                yield self.t("sentences.engine_equal", **said)

    def differences(self, certificate: Certificate, proof: EngineProof) -> dict[str, str]:
        """Return how often, how far, where and why an engine differs."""
        other_ties = self.t("rows.away" if certificate.ties == "even" else "rows.even")
        found = hardware.layers_by_reason(proof) or {"unknown": []}
        reasons = [
            self.t("sentences.reason", layers=self.named(layers),
                   why=self.t(f"reasons.{reason}", ties=other_ties))
            for reason, layers in found.items()
        ]  # fmt: skip
        return {
            "different": f"{proof.different:,}",
            "step": f"{hardware.largest_step(proof):,}",
            "reasons": self.t("rows.semicolon").join(reasons),
        }

    def named(self, layers: list[str]) -> str:
        """Return the names of layers, or of the first ones and how many there are."""
        names = self.t("rows.comma").join(f"`{layer}`" for layer in layers[:NAMED_LAYERS]) or "?"
        more = len(layers) - NAMED_LAYERS
        return self.t("rows.more", names=names, count=more) if more > 0 else names

    def rounding(self, certificate: Certificate) -> str:
        ties = self.t(f"rows.{certificate.ties}")
        return self.t("sentences.ties", ties=ties, engine=certificate.engine)

    def summary(self, runs: Certificates, names: dict[str, str]) -> Iterator[str]:
        """Yield a table of what was compared and computed, and one of what that saves."""
        rows, savings = [], []
        for kind, certificate in runs.items():
            proof, totals = certificate.proofs[0], hardware.totals(certificate)
            rows.append(
                (
                    f"`{names[kind]}`",
                    f"{proof.images:,}",
                    f"{proof.values:,}",
                    f"{proof.different:,}",
                    self.range(totals.products),
                    self.range(totals.additions),
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
        yield self.table("hardware", rows)
        yield self.table("savings", savings)

    def range(self, numbers: Bounds | None) -> str:
        if numbers is None or numbers[0] == numbers[1]:
            return dash(numbers and numbers[0])
        return self.t("rows.range", low=numbers[0], high=numbers[1])

    def step_row(self, layer: IntegerLayer) -> tuple[str, ...]:
        return (
            f"`{layer.layer}`",
            self.t(f"rows.{layer.operation}"),
            dash(layer.shift),
            "-" if layer.alignment is None else "{} / {}".format(*layer.alignment),
            str(layer.scale_shift),
            self.t("rows.comma").join(self.t(f"rows.{role}") for role in layer.clamped),
            dash(layer.accumulator_bits),
            dash(layer.seen_bits),
            dash(hardware.head_room(layer.accumulator_bits)),
            f"{layer.below:,}",
            f"{layer.above:,}",
            "-" if layer.sqnr_db is None else f"{layer.sqnr_db:.1f}",
        )


def dash(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
