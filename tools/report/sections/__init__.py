"""The generated parts of the report: paragraphs of Markdown, made from runs alone."""

from collections.abc import Callable, Iterator

from tools.report.sections import (
    ablation,
    comparison,
    confusion,
    curves,
    discussion,
    hardware,
    hyperparameters,
    network,
    noise,
    scales,
    title,
    tradeoff,
)
from tools.report.sections.context import Context

Section = Callable[[Context], Iterator[str]]

# By the names that the template asks for, in the order in which their figures are drawn.
SECTIONS: dict[str, Section] = {
    "title": title.paragraphs,
    "network": network.paragraphs,
    "curves": curves.paragraphs,
    "hyperparameters": hyperparameters.paragraphs,
    "ablation": ablation.paragraphs,
    "scales": scales.paragraphs,
    "noise": noise.paragraphs,
    "hardware": hardware.paragraphs,
    "comparison": comparison.paragraphs,
    "tradeoff": tradeoff.paragraphs,
    "confusion": confusion.paragraphs,
    "discussion": discussion.paragraphs,
}
