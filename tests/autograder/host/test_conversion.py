"""Foreign archives are converted by a program that sees nothing and can't run away."""

import os
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from autograder.host import conversion
from autograder.host.conversion import Budget, ConversionError, convert, walls
from tests.making.exports.hazards import rar
from tests.making.submissions import PLAIN, tar_of

pytestmark = pytest.mark.skipif(bool(conversion.why_not()), reason=conversion.why_not())
SEVEN_ZIP = pytest.mark.skipif(
    conversion.found("7zz") is None, reason="7zz, of the package 7zip, is not installed"
)


def files_of(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        members = [member for member in archive if member.isfile()]
        return {m.name.removeprefix("./"): archive.extractfile(m).read() for m in members}  # type: ignore[union-attr]


def test_a_rar_becomes_a_tar(tmp_path: Path) -> None:
    (tmp_path / "a.rar").write_bytes(rar(PLAIN))
    convert(tmp_path / "a.rar", tmp_path / "a.tar")
    assert files_of(tmp_path / "a.tar") == PLAIN


@SEVEN_ZIP
@pytest.mark.parametrize("program", ["bsdtar", "7zz"])
def test_a_7z_becomes_a_tar_with_either_program(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in PLAIN.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(content)
    subprocess.run(
        ["7zz", "a", tmp_path / "a.7z", "."], cwd=tmp_path / "in", capture_output=True, check=True
    )
    monkeypatch.setattr(conversion, "program", lambda: program)
    convert(tmp_path / "a.7z", tmp_path / "a.tar")
    assert files_of(tmp_path / "a.tar") == PLAIN


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"Rar!\x1a\x07\x01\x00" + bytes(99))
    with pytest.raises(ConversionError, match="can't be unpacked, it is damaged or protected"):
        convert(tmp_path / "a", tmp_path / "a.tar")


def test_output_and_time_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tar_of("w:xz", 1)({"zeros": bytes(3_000_000)}, tmp_path / "a.tar.xz")
    with pytest.raises(ConversionError, match="holds more than 1 MB"):
        convert(tmp_path / "a.tar.xz", tmp_path / "a.tar", Budget(output_bytes=1_000_000))
    loop = ("/bin/sh", "-c", "while :; do :; done")
    monkeypatch.setitem(conversion.COMMANDS, str(conversion.program()), loop)
    with pytest.raises(ConversionError, match="takes too long to unpack"):
        convert(tmp_path / "a.tar.xz", tmp_path / "b.tar", Budget(deadline_s=0.2))


BAITS = (
    "read -r line < {secret} && echo $line",
    "echo x > /tmp/x",
    "echo x > /usr/lib/x",
    "echo x > /archive",
    "kill -0 {pid}",
    "test -e {folder} || test -e /proc/1",
)


@pytest.mark.parametrize("bait", BAITS)
def test_a_program_that_was_taken_over_reaches_nothing(bait: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "archive").write_bytes(b"archive")
    text = bait.format(secret=tmp_path / "secret", folder=tmp_path, pid=os.getpid())
    command = [*walls(tmp_path / "archive", Budget()), "/bin/sh", "-c", text]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode != 0
    assert done.stdout == b""
    assert (tmp_path / "archive").read_bytes() == b"archive"


def test_a_program_that_was_taken_over_has_no_network(tmp_path: Path) -> None:
    (tmp_path / "archive").touch()
    prefix = str(Path(sys.base_prefix).resolve())
    bwrap, *rest = walls(tmp_path / "archive", Budget())
    inside = [bwrap, "--ro-bind", prefix, prefix, *rest]
    with socket.create_server(("127.0.0.1", 0)) as server:
        python = str(Path(sys.executable).resolve())
        code = f"import socket; socket.create_connection({server.getsockname()}, 1)"
        run = [python, "-I", "-c", code]
        ended = [subprocess.run([*w, *run], capture_output=True, check=False) for w in ([], inside)]
    assert ended[0].returncode == 0
    assert ended[1].returncode != 0
    assert b"Network is unreachable" in ended[1].stderr or b"refused" in ended[1].stderr


def test_the_walls_are_none_for_what_may_be_done(tmp_path: Path) -> None:
    """Each of those fails for a wall, not because nothing works there."""
    (tmp_path / "archive").write_bytes(b"archive")
    works = 'read -r line < /archive || test "$line" = archive; echo x > /out/x; ulimit -t'
    command = [*walls(tmp_path / "archive", Budget()), "/bin/sh", "-c", works]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, b"120")
