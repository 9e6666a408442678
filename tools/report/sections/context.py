"""What every section is given: the runs, the words, and how tables, figures and sources look."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lab3.log.records import Analysis, Result
from lab3.log.runlog import RunLog
from tools.report.sources import Sources, last_line_of
from tools.report.texts import Texts
from tools.shared.table import Table


@dataclass
class Context:
    """One report as it is made.

    ``labels`` are the words in figures, ``figures`` is the folder for them, and ``root`` that of
    the report. ``drawings`` collects what is still to be drawn.
    """

    sources: Sources
    t: Texts
    labels: Texts
    figures: Path
    root: Path
    drawings: list[Callable[[], list[Path]]] = field(default_factory=list)
    captions: int = 0

    def table(self, name: str, rows: Sequence[tuple[str, ...]], left: int = 1) -> str:
        return Table(self.t.columns(name), list(rows), left).markdown()

    def draw(self, save: Callable[[Path], list[Path]], name: str) -> None:
        self.drawings.append(partial(save, self.figures / name))

    def image(self, name: str, alt: str) -> str:
        described = alt.replace("[", "(").replace("]", ")").replace("\n", " ")
        return f"![{described}]({self.figures.name}/{name}.png)"

    def caption(self, name: str, **values: object) -> str:
        """Return the caption of the next figure, with its number."""
        self.captions += 1
        text = self.t(f"captions.{name}", **values)
        return self.t("captions.figure", number=self.captions, text=text)

    def source(self, *places: tuple[RunLog, str]) -> str:
        """Return where facts come from: the logs and their lines."""
        texts = []
        for log, lines in places:
            key = "captions.lines" if "-" in lines or "," in lines else "captions.line"
            texts.append(self.t(key, path=self.shown(log.path), lines=lines))
        return self.cited("; ".join(texts))

    def source_of_analyses(self) -> str:
        logs = self.sources.quantized.values()
        return self.source(*((log, last_line_of(log, Analysis)) for log in logs))

    def source_of_results(self, logs: Iterable[RunLog]) -> str:
        return self.source(*((log, last_line_of(log, Result)) for log in logs))

    def imported(self, *places: tuple[Path, str]) -> str:
        """Return from which lines of which console outputs facts come."""
        texts = [self.t("captions.imported", path=p.as_posix(), lines=lines) for p, lines in places]
        return self.cited("; ".join(texts))

    def cited(self, source: str) -> str:
        return f"<sub>{self.t('captions.source', source=source)}</sub>"

    def shown(self, path: Path) -> str:
        """Return a path as seen from the report, where that is shorter."""
        is_below = path.is_relative_to(self.root)
        return (path.relative_to(self.root) if is_below else path).as_posix()


def details(summary: str, content: str) -> str:
    """Return content that unfolds, on GitHub, HackMD and in the page."""
    words = summary.replace("`", "")
    return f'<details markdown="1">\n<summary>{words}</summary>\n\n{content}\n\n</details>'
