"""What a worker may see: the shared libraries, the interpreter, PyTorch, and ``inside``."""

import hashlib
import importlib.util
import os
import re
import shutil
import sys
import sysconfig
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from autograder.host.child import SandboxError
from lab3 import STUDENT_FILES

# What the worker imports, and what students may, with all that these need.
NEEDED = ("torch", "torchvision", "numpy", "pydantic", "safetensors")
# PyTorch chooses its kernels by what these say.
PROCESSOR = ("/proc/cpuinfo", "/sys/devices/system/cpu/possible", "/sys/devices/system/cpu/present")
LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")


def python() -> Path:
    """Return the interpreter without its virtual environment, which need not exist inside."""
    return Path(sys.executable).resolve()


def kit_files() -> dict[str, Path]:
    """Return the files of ours that a worker needs, by their place in the kit."""
    ours = Path(__file__).parents[1]
    spec = importlib.util.find_spec("lab3.errors")
    assert spec is not None
    assert spec.origin is not None
    given = Path(spec.origin).parent
    inside = [ours / "__init__.py", *sorted((ours / "inside").glob("*.py"))]
    students = {given / name for name in STUDENT_FILES}
    return {f"autograder/{path.relative_to(ours)}": path for path in inside} | {
        f"lab3/{path.relative_to(given)}": path
        for path in sorted(given.rglob("*.py"))
        if path not in students
    }


@cache
def sources_sha256() -> str:
    """Return what identifies the autograder: its own files and the given ones, wherever they lie.

    The rubric is not among them: a grade names it apart.
    """
    ours = Path(__file__).parents[1]
    files = {f"autograder/{path.relative_to(ours)}": path for path in ours.rglob("*.py")}
    digest = hashlib.sha256()
    for name, path in sorted((files | kit_files()).items()):
        digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def stage(folder: Path) -> list[Path]:
    """Lay out what can be imported below a folder, and return where to import from.

    Our files are copied; packages are links, so that modules don't say where the kit lies. Nobody
    else may change what is there, whatever the mask of new files is.
    """
    for name, path in kit_files().items():
        (folder / "kit" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / "kit" / name)
    places: dict[Path, Path] = {}
    for part in package_parts():
        place = places.setdefault(part.parent, folder / "site" / str(len(places)))
        place.mkdir(parents=True, exist_ok=True)
        (place / part.name).symlink_to(part)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    folder.chmod(0o755)
    return [folder / "kit", *places.values()]


@cache
def package_parts() -> tuple[Path, ...]:
    """Return every file and folder that torch and the like consist of, and nothing else.

    Follows the requirements of the installed packages. Raises SandboxError when a package
    doesn't say which files are its own.
    """
    packages: set[Path] = set()
    seen: set[str] = set()
    waiting = list(NEEDED)
    while waiting:
        name = waiting.pop().lower().replace("_", "-").replace(".", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # an optional requirement
        needs = [text for text in package.requires or [] if "extra ==" not in text]
        waiting += [re.split(r"[^\w.-]", text, maxsplit=1)[0] for text in needs]
        packages |= top_level(package)
    return tuple(sorted(packages))


def top_level(package: Distribution) -> set[Path]:
    """Return the files and folders of a package that stand directly in ``site-packages``."""
    if package.files is None:
        raise SandboxError(
            f"the package {package.name!r} doesn't list its files: install it again with pip"
        )
    names = {file.parts[0] for file in package.files}
    paths = (Path(str(package.locate_file(name))) for name in names - {".."})
    return {path for path in paths if path.exists() and path.suffix != ".pth"}


def library_paths() -> list[Path]:
    """Return what any program needs: shared libraries, and the interpreter with its library."""
    base = Path(sys.base_prefix).resolve()
    wanted = [Path(p) for p in LIBRARIES]
    wanted += [python(), Path(sysconfig.get_paths()["stdlib"]).resolve()]
    if base != Path("/usr"):  # its own libraries, as conda has them
        wanted += sorted(base.glob("lib/*.so*"))
    return [
        path
        for path in dict.fromkeys(wanted)
        if os.path.lexists(path)
        and not any(parent in wanted and not parent.is_symlink() for parent in path.parents)
    ]


def readable(folder: Path) -> list[str]:
    """Return all that a worker whose files were staged in ``folder`` has to read."""
    devices = [Path(path) for path in (*PROCESSOR, "/dev/urandom")]
    paths = [folder, *library_paths(), *package_parts(), *devices]
    return sorted({str(path.resolve()) for path in paths if path.exists()})
