"""What all figures share: colours, fonts, ticks, and the files that they become.

Colours are those of Okabe & Ito; markers and line styles say the same in grey print.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from lab3.log.runlog import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 150
TRAIN, VALIDATION = "#0072B2", "#D55E00"  # blue and vermilion: safe for all eyes
COLOURS = {"train": TRAIN, "ptq": VALIDATION, "qat": "#009E73"}
MARKERS = {"train": "o", "ptq": "s", "qat": "^"}
GREY = "#595959"
CJK_FONTS = (
    "Noto Sans CJK TC",
    "Noto Sans TC",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Source Han Sans TC",
    "Microsoft JhengHei",
    "PingFang TC",
    "PingFang HK",
    "Heiti TC",
    "WenQuanYi Zen Hei",
    "AR PL UMing TW",
)
CJK_FILES = "cjk notosanstc sourcehansanstc msjh jhenghei pingfang heiti wqy wenquan uming".split()


def cjk_font(is_needed: bool = True) -> str | None:
    """Return the name of a font with Chinese characters, if this computer has one.

    matplotlib keeps a list of fonts, which lacks those that were installed since: these are only
    looked for where one ``is_needed``.
    """
    return listed_font() or (newly_installed_font() if is_needed else None)


def listed_font() -> str | None:
    from matplotlib import font_manager

    listed = {entry.name for entry in font_manager.fontManager.ttflist}
    return next((name for name in CJK_FONTS if name in listed), None)


def newly_installed_font() -> str | None:
    """Return a font with Chinese characters that matplotlib's list lacks, and add it there."""
    from matplotlib import font_manager

    for path in sorted(font_manager.findSystemFonts()):
        stem = Path(path).stem.replace("-", "").replace("_", "").casefold()
        if any(mark in stem for mark in CJK_FILES):
            with suppress(OSError, RuntimeError):  # no font after all
                font_manager.fontManager.addfont(path)
            if name := listed_font():
                return name
    return None


@contextmanager
def style(font: str | None) -> Iterator[None]:
    """Draw with small, quiet axes, and with a font for Chinese behind the usual one."""
    from matplotlib import rc_context

    family = ["DejaVu Sans", *([font] if font else [])]
    quiet: dict[str, Any] = {"axes.spines.top": False, "axes.spines.right": False, "font.size": 9}
    quiet["text.hinting"] = "none"  # the default takes twice the time, for screens of old
    with rc_context(quiet | {"font.family": family}):  # type: ignore[arg-type]
        yield


def plain(name: str) -> str:
    """Return a name that matplotlib does not take for a formula."""
    return name.replace("$", r"\$")


def whole_ticks(axes: "Axes", count: int) -> None:
    """Number the layers by ones, fives, tens or twenties, whichever gives a few ticks."""
    step = next((step for step in (1, 5, 10, 20) if count / step <= 10), 50)
    axes.set_xticks([1, *range(step, count + 1, step)] if step > 1 else range(1, count + 1))


def save_figure(figure: "Figure", path: Path) -> list[Path]:
    """Write a figure as PNG and SVG beside each other, without the date, so that it is stable."""
    from matplotlib import rc_context

    paths = []
    kinds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("png", {"pil_kwargs": {"compress_level": 2}}),  # the last percents cost most of the time
        ("svg", {"metadata": {"Date": None}}),
    )
    for kind, options in kinds:
        target = path.with_name(f"{path.name}.{kind}")

        def write(file: BinaryIO, kind: str = kind, options: dict[str, Any] = options) -> None:
            with rc_context({"svg.hashsalt": "lab3"}):
                figure.savefig(file, format=kind, dpi=DPI, **options)

        write_atomically(target, write)
        paths.append(target)
    return paths
