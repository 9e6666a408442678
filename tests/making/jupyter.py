"""A Jupyter server with formgrader, for a course folder."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.making.databases import free_port

OPTIONS = {
    "jpserver_extensions": "nbgrader.server_extensions.formgrader=True",
    "open_browser": "False",
    "token": "",
    "password": "",
    "allow_root": "True",
    "terminals_enabled": "False",
    "disable_check_xsrf": "True",
}


def environment(folder: Path) -> dict[str, str]:
    """The environment of nbgrader's programs, which read and write nothing of the user's."""
    own = {name: str(folder / name.lower()) for name in ("HOME", "JUPYTER_CONFIG_DIR")}
    own |= {name: str(folder / name.lower()) for name in ("JUPYTER_DATA_DIR", "IPYTHONDIR")}
    own |= {"JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "PYTHONWARNINGS": "ignore"}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **own, "PATH": programs}


@contextmanager
def formgrader(course: Path, folder: Path) -> Iterator[str]:
    """Run the server, as somebody would who stands in the course folder; yields its address."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    options = {**OPTIONS, "ip": "127.0.0.1", "port": str(port), "port_retries": "0"}
    command = [sys.executable, "-m", "jupyter_server", f"--ServerApp.root_dir={course}"]
    command += [f"--ServerApp.{name}={value}" for name, value in options.items()]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=course, env=environment(folder), stdout=log, stderr=log
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(f"{address}/formgrader/api/status", server, folder / "log")
        yield address
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(log.read_text())


def nbgrader(course: Path, folder: Path, *arguments: str) -> None:
    """Run nbgrader in a course folder."""
    command = [str(Path(sys.executable).parent / "nbgrader"), *arguments]
    done = subprocess.run(
        command, cwd=course, env=environment(folder), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
