"""The generated parts of the report: paragraphs of Markdown, made from runs alone."""

from collections.abc import Iterator

from tools.report.sections.hardware import HardwarePart
from tools.report.sections.quantization import QuantizationPart
from tools.report.sections.training import TrainingPart


class Blocks(TrainingPart, QuantizationPart, HardwarePart):
    """Makes all blocks of one report."""

    def title(self) -> Iterator[str]:
        yield self.t("sentences.edited_notice")
        if self.t.language != self.labels.language:
            yield self.t("sentences.english_labels")
