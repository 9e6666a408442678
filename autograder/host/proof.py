"""Proof that walls stand: baits are laid outside, and a child tries to take each of them."""

import ctypes
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from autograder.host import processes
from autograder.host.child import KILLED, Child, SandboxError, SilentError, WorkerError
from autograder.inside.attempts import Baits

PROOF_S = 20
LONGEST_SOCKET_NAME = 107  # bytes


@contextmanager
def baits() -> Iterator[Baits]:
    """Lay what a child without walls would read, harm or reach."""
    secret = secrets.token_hex(16)
    held = ctypes.create_string_buffer(secret.encode())
    with ExitStack() as stack:
        folder = Path(stack.enter_context(processes.temporary_folder("lab3-bait")))
        for name in ("secret", "victim"):
            (folder / name).write_text(secret)
            (folder / name).chmod(0o666)
        port = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        abstract = f"\0lab3-{secret}"
        path = str(folder / "socket")
        for address in (abstract, path):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            if address == path and len(os.fsencode(path)) > LONGEST_SOCKET_NAME:
                path = ""  # nobody could connect to it either
                continue
            listener.bind(address)
            listener.listen()
        if path:
            Path(path).chmod(0o777)
        # From here on anybody may change what lies there, so nothing of ours touches it again.
        folder.chmod(0o777)
        yield Baits(
            folder=str(folder),
            secret=secret,
            pid=os.getpid(),
            address=ctypes.addressof(held),
            port=port.getsockname()[1],
            path_socket=path,
            abstract_socket=abstract,
        )


def prove(child: Child) -> None:
    """Let a child of the worker try to break every promise; raise SandboxError if one breaks."""
    try:
        with baits() as laid:
            header, _ = child.converse({"baits": laid}, b"", 0, PROOF_S)
    except WorkerError as error:
        output = child.take_output().decode(errors="replace").strip()
        if error.death and KILLED in error.death and not output:
            raise SilentError(f"the walls' proof {error.death}") from None
        raise SandboxError(output or f"the walls' proof {error.death or error}") from None
    except OSError as error:
        raise SandboxError(f"the walls' proof can't be laid out: {error}") from None
    broken: dict[str, list[str]] = json.loads(header)["broken"]
    if broken:
        how = "; ".join(
            f"{promise}: a child could {', '.join(names).replace('_', ' ')}"
            for promise, names in broken.items()
        )
        raise SandboxError(f"a promise does not hold: {how}")
