"""The generated parts of the report: paragraphs of Markdown, made from runs alone."""

from collections.abc import Iterator

from tools.report.hardware_part import HardwarePart
from tools.report.quantization_part import QuantizationPart
from tools.report.training_part import TrainingPart


class Blocks(TrainingPart, QuantizationPart, HardwarePart):
    """Makes all blocks of one report."""

    def title(self) -> Iterator[str]:
        yield self.t("sentences.edited_notice")
        if self.t.language != self.labels.language:
            yield self.t("sentences.english_labels")
