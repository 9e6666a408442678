"""Landlock, the kernel's wall that any process may raise around itself, also in a container.

A domain only ever shrinks: what a process raises holds for itself and all that it starts, and a
process cannot trace, signal or reach the memory of one outside its domain. The source of numbers
and layouts is <linux/landlock.h>.
"""

import ctypes
import os
import stat
import struct
from collections.abc import Sequence
from typing import Any

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every processor
ASK_VERSION = 1
PATH_BENEATH = 1

EXECUTE, READ_FILE, READ_FOLDER = 1 << 0, 1 << 2, 1 << 3
# Rights over files that each version of the kernel's interface knows: the first has 13 of them;
# then moving between folders, truncating, and commands to devices.
FILE_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
TCP_RIGHTS = {4: 0b11}  # to bind and to connect
SCOPES = {6: 0b11}  # abstract sockets and signals stay inside


def known(rights: dict[int, int], version: int) -> int:
    """Return all rights of a table that a version of the interface knows."""
    return sum(bits for since, bits in rights.items() if since <= version)


def version() -> int:
    """Return the version of Landlock that the kernel has; raise OSError when it has none."""
    return call(CREATE_RULESET, None, 0, ASK_VERSION)


def restrict(readable: Sequence[str] = (), abi: int | None = None) -> int:
    """Shut this process in: it reads what lies at or below ``readable``, and nothing else.

    It may write no file, and reach no TCP port, abstract socket or process outside, as far as the
    kernel's version has these. Needs ``no_new_privs``. Returns the version; raises OSError.
    """
    abi = version() if abi is None else abi
    files, net, scopes = (known(table, abi) for table in (FILE_RIGHTS, TCP_RIGHTS, SCOPES))
    attributes = struct.pack("QQQ", files, net, scopes)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = call(CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path in readable:
            allow_reading(ruleset, path)
        call(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


def allow_reading(ruleset: int, path: str) -> None:
    """Let a file, or a folder with all below it, be read and mapped as code."""
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights = EXECUTE | READ_FILE
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            rights |= READ_FOLDER
        call(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("<Qi", rights, handle), 0)
    finally:
        os.close(handle)


def call(number: int, *arguments: Any) -> int:
    """Make a system call; raise OSError when it fails."""
    library = ctypes.CDLL(None, use_errno=True)
    passed = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result: int = library.syscall(ctypes.c_long(number), *passed)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
