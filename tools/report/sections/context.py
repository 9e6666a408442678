"""What all parts of the report share: its words, tables, figures and sources."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lab3.log.runlog import RunLog
from tools.report.sources import Material
from tools.report.texts import Texts
from tools.shared.table import Table


@dataclass
class Part:
    """A part of one report.

    ``labels`` are the words in figures. ``drawings`` collects what is still to be drawn.
    """

    material: Material
    t: Texts
    labels: Texts
    folder: Path
    root: Path
    drawings: list[Callable[[], list[Path]]] = field(default_factory=list)

    def table(self, name: str, rows: Sequence[tuple[str, ...]], left: int = 1) -> str:
        return Table(self.t.columns(name), list(rows), left).markdown()

    def draw(self, save: Callable[[Path], list[Path]], name: str) -> None:
        self.drawings.append(partial(save, self.folder / name))

    def image(self, name: str, alt: str) -> str:
        described = alt.replace("[", "(").replace("]", ")").replace("\n", " ")
        return f"![{described}]({self.folder.name}/{name}.png)"

    def source(self, *places: tuple[RunLog, str]) -> str:
        """Return where facts come from: the logs and their lines."""
        named = []
        for log, lines in places:
            key = "captions.lines" if "-" in lines or "," in lines else "captions.line"
            named.append(self.t(key, path=self.shown(log.path), lines=lines))
        return f"<sub>{self.t('captions.source', source='; '.join(named))}</sub>"

    def shown(self, path: Path) -> str:
        """Return a path as seen from the report, where that is shorter."""
        is_below = path.is_relative_to(self.root)
        return (path.relative_to(self.root) if is_below else path).as_posix()

    def imported(self, lines: str) -> str:
        assert self.material.console is not None
        path = self.material.console.path.as_posix()
        told = self.t("captions.imported", path=path, lines=lines)
        return f"<sub>{self.t('captions.source', source=told)}</sub>"


def details(summary: str, content: str) -> str:
    """Return content that unfolds, on GitHub, HackMD and in the page."""
    words = summary.replace("`", "")
    return f'<details markdown="1">\n<summary>{words}</summary>\n\n{content}\n\n</details>'


def optional(value: float | None, form: str = "{:.2f}") -> str:
    return "?" if value is None else form.format(value)
