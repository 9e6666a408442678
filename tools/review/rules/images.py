"""The pictures of a report: are they handed in, are they pictures, and each its own?"""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from tools.review.reading.facts import Facts
from tools.review.reading.markup import Image
from tools.review.reading.report import Report
from tools.review.reading.statements import Place
from tools.review.rules.registry import Fault, rule

REMOTE = re.compile(r"^(?:[a-z][a-z0-9+.-]+:|//|#)", re.I)  # also data: of an embedded image
SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"RIFF")
CURVES = 2  # the section that has to show a figure
DRAWN = re.compile(r"xychart|vega|mermaid|\$schema")
LINKED = re.compile(r"\]\([^()\n]{0,300}\.(?:png|jpe?g|svg|pdf|webp|gif|html)\b", re.I)


@dataclass(frozen=True)
class Picture:
    """An image of a report, and the folder that its file is looked for in."""

    image: Image
    folder: Path

    @property
    def place(self) -> Place:
        return Place(self.image.line, 0, self.image.target)


@rule(
    "image-missing",
    "Every image is there.",
    wrong=["![curves](C:\\Users\\ada\\curves.png)"],
    right=["![curves](https://example.org/curves.png)"],
)
def image_missing(picture: Picture, _: Facts) -> Fault | None:
    return _of_file(picture, "image-missing")


@rule(
    "image-broken",
    "Every image file is an image.",
    right=["![curves](https://example.org/curves.png)"],
)
def image_broken(picture: Picture, _: Facts) -> Fault | None:
    return _of_file(picture, "image-broken")


def _of_file(picture: Picture, name: str) -> Fault | None:
    fault = fault_of(picture.image, picture.folder)
    if fault is None or fault[0] != name:
        return None
    return Fault(picture.place, "an image file", fault[1], "certain")


@rule(
    "curves-missing",
    "The curves are shown.",
    wrong=["## 2. Training and Validation Curves\n\nThe loss falls in all epochs.\n"],
    right=[
        "## 2. Training and Validation Curves\n\n![c](https://example.org/c.png)\n\nIt falls.\n"
    ],
)
def curves_missing(report: Report, facts: Facts) -> Fault | None:
    section = report.section(CURVES)
    if section is None or section.is_empty or report.document.images or _draws(report):
        return None
    has_numbers = bool(facts.curves) or any(b.kind in ("table", "code") for b in section.blocks)
    if has_numbers or report.lexicon.has("figure", section.own_text):
        return None
    place = Place(section.line, CURVES, section.heading)
    return Fault(
        place,
        "a plot of loss and accuracy over the epochs",
        "the report shows no image",
        "likely",
        says="",
    )


@rule(
    "image-repeated",
    "Each figure has an image of its own.",
    wrong=["Run 1: ![run1](https://e.org/a1.png)\n\nRun 2: ![run2](https://e.org/a1.png)\n"],
    right=["Run 1: ![run1](https://e.org/a1.png)\n\nRun 2: ![run2](https://e.org/a2.png)\n"],
)
def image_repeated(report: Report, _: Facts) -> Fault | None:
    first: dict[str, Image] = {}
    for image in report.document.images:
        before = first.setdefault(image.target, image)
        if before is image or not image.target or image.target.startswith("data:"):
            continue
        if before.alt == image.alt:
            continue
        return Fault(
            Place(image.line, 0, image.target),
            "the image that its caption names",
            f"line {before.line} shows the same image",
            "possible",
            also=(before.line,),
        )
    return None


def _draws(report: Report) -> bool:
    """Tell whether code of a drawing language, or a link to a figure, stands for an image."""
    return any(
        LINKED.search(block.raw) or (block.kind == "code" and DRAWN.search(block.raw))
        for block in report.document.blocks
    )


def fault_of(image: Image, folder: Path) -> tuple[str, str] | None:
    """Return the rule that an image breaks, and how; None when it is a picture or remote."""
    target = image.target.strip()
    if not target:
        return "image-missing", "no file is named"
    is_windows = PureWindowsPath(target).drive != ""
    if REMOTE.match(target) and not is_windows:
        local = target.lower().startswith("file:")
        return ("image-missing", "the path is of your own computer") if local else None
    if is_windows or PurePosixPath(target).is_absolute():
        return "image-missing", "the path is of your own computer: put the file beside the report"
    path = folder / re.split(r"[?#]", target)[0].replace("\\", "/")
    try:
        return _fault_of_file(path, target)
    except (OSError, ValueError):  # names that no file can have
        return "image-missing", "there is no such file beside the report"


def _fault_of_file(path: Path, target: str) -> tuple[str, str] | None:
    if not path.is_file():
        return "image-missing", "there is no such file beside the report"
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        return "image-broken", "the file is empty"
    is_svg = b"<svg" in head or (head.lstrip().startswith(b"<?xml") and target.endswith(".svg"))
    if not (head.startswith(SIGNATURES) or is_svg):
        return "image-broken", "the file is no PNG, JPEG, GIF, WebP or SVG image"
    return None
