"""The words below the title: whose lines are whose."""

from collections.abc import Iterator

from tools.report.sections.context import Context


def paragraphs(context: Context) -> Iterator[str]:
    t = context.t
    yield t("sentences.edited_notice")
    if t.language != context.labels.language:
        yield t("sentences.english_labels")
