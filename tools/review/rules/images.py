"""The pictures of a report: are they handed in, and are they pictures?"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from tools.review.findings import Finding
from tools.review.reading.document import ReportText
from tools.review.reading.markup import Image

REMOTE = re.compile(r"^(?:[a-z][a-z0-9+.-]+:|//|#)", re.I)  # also data: of an embedded image
SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"RIFF")
CURVES = 2  # the section that has to show a figure


def review_images(document: ReportText, folder: Path) -> Iterator[Finding]:
    """Yield images that can't be shown; those of other servers are not looked at."""
    for image in document.images:
        fault = fault_of(image, folder)
        if fault:
            rule, why = fault
            yield document.finding(rule, image.line, image.target, "an image file", why, "certain")
    if not document.images and not _draws(document):
        lines = [h.line for h in document.headings if h.section == CURVES]
        for line in lines:
            yield document.finding(
                "image-missing",
                line,
                "",
                "a plot of loss and accuracy over the epochs",
                "the report shows no image",
                "likely",
            )


def _draws(document: ReportText) -> bool:
    """Tell whether code of a drawing language, or a link to a figure, stands for an image."""
    figure = re.compile(r"\]\([^()\n]{0,300}\.(?:png|jpe?g|svg|pdf|webp|gif|html)\b", re.I)
    return any(
        figure.search(block.raw)
        or (block.kind == "code" and re.search(r"xychart|vega|mermaid|\$schema", block.raw))
        for block in document.blocks
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
