"""What a file is, by its first bytes, whatever it is called."""

from pathlib import PurePosixPath
from typing import Literal, get_args

from autograder.submissions.archives import is_tar_header

Archive = Literal["zip", "tar", "tar.gz"]  # read here
Foreign = Literal["RAR", "7z", "xz", "bzip2", "Zstandard"]  # archives that are not
FileKind = Archive | Foreign | Literal["empty", "page", "shortcut", "notebook", "python", "other"]
HEAD_BYTES = 512
ARCHIVES: tuple[str, ...] = get_args(Archive)
FOREIGN: tuple[str, ...] = get_args(Foreign)
BEGINNINGS: dict[bytes, FileKind] = {
    b"PK\3\4": "zip",
    b"PK\5\6": "zip",
    b"\x1f\x8b": "tar.gz",
    b"Rar!\x1a\x07": "RAR",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}
ARCHIVE_SUFFIXES = {".zip", ".tar", ".tgz", ".gz", ".rar", ".7z", ".xz", ".txz", ".bz2", ".tbz2"}
ARCHIVE_SUFFIXES |= {".zst", ".tzst"}
# What is a .zip inside, or compressed, without being an archive of somebody's.
DOCUMENTS = {".pt", ".pth", ".npz", ".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".pages"}
DOCUMENTS |= {".whl", ".jar", ".epub"}
SHORTCUTS = {".url", ".webloc", ".website", ".desktop", ".lnk", ".gdoc", ".gsheet", ".gslides"}
PAGES = (b"<!doctype html", b"<html")


def suffix_of(name: str) -> str:
    """Return the last suffix of a name, in small letters."""
    return PurePosixPath(name).suffix.lower()


def is_named_archive(name: str) -> bool:
    """Tell whether a file is called as an archive is."""
    return suffix_of(name) in ARCHIVE_SUFFIXES


def kind_of(name: str, head: bytes) -> FileKind:
    """Return what a file is; ``head`` are its first bytes, HEAD_BYTES where there are as many."""
    suffix = suffix_of(name)
    if not head:
        return "empty"
    if suffix in SHORTCUTS or head.startswith(b"[InternetShortcut]"):
        return "shortcut"
    if suffix not in DOCUMENTS:
        for beginning, kind in BEGINNINGS.items():
            if head.startswith(beginning):
                return kind
        if is_tar_header(head):
            return "tar"
    if head.lstrip(b"\xef\xbb\xbf\r\n\t ").lower().startswith(PAGES) and is_named_archive(name):
        return "page"
    return {".ipynb": "notebook", ".py": "python"}.get(suffix, "other")  # type: ignore[return-value]
