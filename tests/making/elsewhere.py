"""A computer that has neither fork nor the modules of POSIX, made of this one."""

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

HIDDEN = "fcntl resource pwd grp termios pty tty syslog crypt nis spwd".split()
NAMES = "fork forkpty setsid wait4 geteuid getuid getegid setgroups O_NOFOLLOW O_NOCTTY".split()
LOADED = "asyncio multiprocessing.context subprocess tempfile getpass psutil pytest torch".split()
BOOTSTRAP = "from tests.making import elsewhere; elsewhere.go(); from tools.cli import main; main()"


class Hider:
    """Says of a module that there is none."""

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in HIDDEN:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def go() -> None:
    """Turn this process into one on such a computer, after what Python itself needs is there.

    Other packages decide by ``sys.platform``, and find here what they look for.
    """
    for name in LOADED:
        importlib.import_module(name)
    for name in HIDDEN:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Hider())
    os.supports_dir_fd.discard(os.open)
    for name in NAMES:
        if hasattr(os, name):
            delattr(os, name)
    for name in ("SIGKILL", "SIGXCPU", "SIGALRM", "setitimer"):
        delattr(signal, name)
    setattr(subprocess.Popen, "kill", lambda process: os.kill(process.pid, 9))  # noqa: B010
