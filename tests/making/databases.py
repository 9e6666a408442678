"""Gradebooks to be written: files, and PostgreSQL servers that last for a test run."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SERVER = "postgres"  # a program of the server's, which is on nobody's PATH
PLACES = Path("/usr/lib/postgresql")
OTHER_USER = "postgres"  # since a server refuses to be root's


def programs() -> Path | None:
    """Return where the newest server's programs are, None where there is none."""
    found = [path.parent for path in PLACES.glob(f"*/bin/{SERVER}")]
    return max(found, key=lambda path: float(path.parent.name), default=None)


def require_postgresql() -> Path:
    """Skip the test where there is no server, but in CI."""
    pytest.importorskip("psycopg2")
    path = programs()
    if path is None and os.environ.get("CI") != "true":
        pytest.skip("there is no PostgreSQL: apt-get install postgresql")
    assert path, "CI needs PostgreSQL: .ci/run installs it"
    return path


@contextmanager
def server() -> Iterator[str]:
    """Run a server on a loopback port; yields the URL of its databases.

    Nothing of it outlives the block.
    """
    path = require_postgresql()
    with tempfile.TemporaryDirectory(prefix="lab3-postgresql-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # another user has to come through
        with started(path, folder) as url:
            yield url


@contextmanager
def started(path: Path, folder: Path) -> Iterator[str]:
    """Run a server with its data in a folder."""
    user = OTHER_USER if os.getuid() == 0 else None
    data = folder / "data"
    data.mkdir(mode=0o700)
    own: dict[str, Any] = {"user": user, "group": user} if user else {}
    if user:
        shutil.chown(data, user, user)
    command = [path / "initdb", "-D", data, "-U", "lab3", "--auth=trust", "--no-sync", "-E", "UTF8"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **own)
    port = free_port()
    options = ["-p", str(port), "-h", "127.0.0.1", "-k", data, "-F", "-c", "max_connections=12"]
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(
            [path / SERVER, "-D", data, *options], stdout=log, stderr=log, cwd="/", **own
        )
    try:
        wait_for(port, running, folder / "log")
        yield f"postgresql+psycopg2://lab3@127.0.0.1:{port}"
    finally:
        running.send_signal(signal.SIGINT)  # without waiting for who is connected
        running.wait(timeout=120)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(port: int, running: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until a server takes connections."""
    import psycopg2

    for _ in range(600):
        assert running.poll() is None, log.read_text()
        try:
            psycopg2.connect(host="127.0.0.1", port=port, user="lab3", dbname="postgres").close()
        except psycopg2.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(log.read_text())


def create(url: str, name: str, template: str = "template1") -> str:
    """Make a database as another one is, and return its URL."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    engine = create_engine(f"{url}/postgres", poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    return f"{url}/{name}"


def dump(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, in order."""
    from sqlalchemy import MetaData, create_engine, select
    from sqlalchemy.pool import NullPool

    engine, meta = create_engine(url, poolclass=NullPool), MetaData()
    meta.reflect(engine)
    with engine.connect() as connection:
        tables = {t.name: connection.execute(select(t)).all() for t in meta.sorted_tables}
    return {name: sorted(map(tuple, rows), key=repr) for name, rows in tables.items()}


def nameless(tables: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Return the same without ids, which are drawn."""
    return {
        name: sorted((tuple("id" if is_id(v) else v for v in row) for row in rows), key=repr)
        for name, rows in tables.items()
    }


def is_id(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 32 and not set(value) - set("0123456789abcdef")
