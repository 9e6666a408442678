"""The system calls that a child may make: what computing with PyTorch needs, and nothing else.

The list was learned by watching children of every supported PyTorch on x86-64. A number that is
not on it is refused, also one that no kernel has yet. No file can be opened, no descriptor made,
no process or thread started, none but the child itself signalled.
"""

import ctypes
import os
import platform
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

X86_64, AARCH64 = 0xC000003E, 0xC00000B7  # AUDIT_ARCH_* of <linux/audit.h>
X32_BIT = 0x40000000  # the x32 numbers are a second door to the same calls


class Rule(NamedTuple):
    """What an argument may be: with the bits of ``mask`` taken, one of ``values``.

    Only the low 32 bits are looked at unless ``is_long``: these arguments are C ``int``s.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    is_long: bool = False


class Call(NamedTuple):
    """A system call's numbers, -1 where a processor has none, and what its arguments must be."""

    x86_64: int
    aarch64: int
    rules: tuple[Rule, ...] = ()


OWN = -2  # stands for the child's own process id
PRIVATE, REALTIME = 128, 256
# wait, wake, requeue, cmp_requeue, wake_op, wait_bitset, wake_bitset
WAITS = (0, 1, 3, 4, 5, 9, 10)
MAP_SHARED, MAP_ANONYMOUS, MAP_HUGETLB = 0x01, 0x20, 0x40000

CLOCKS = Rule(0, tuple(range(12)))  # others are clocks of other processes and of devices

ALLOWED: dict[str, Call] = {
    # the pipe and the channel that were given to it
    "read": Call(0, 63),
    "write": Call(1, 64),
    "writev": Call(20, 66),
    "close": Call(3, 57),
    "lseek": Call(8, 62),
    "fcntl": Call(72, 25, (Rule(1, (1, 3)),)),  # F_GETFD, F_GETFL
    # memory of its own: shared with nobody, from no file, no huge pages of the computer's pool
    "mmap": Call(9, 222, (Rule(3, (MAP_ANONYMOUS,), MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB),)),
    "munmap": Call(11, 215),
    "mremap": Call(25, 216),
    "mprotect": Call(10, 226),  # oneDNN writes its kernels as it goes
    "brk": Call(12, 214),
    # MADV_NORMAL, DONTNEED, FREE, HUGEPAGE, NOHUGEPAGE, DONTDUMP, DODUMP: nothing that merges equal
    # pages of several processes, or moves a file into the page cache or out of it
    "madvise": Call(28, 233, (Rule(2, (0, 4, 8, 14, 15, 16, 17)),)),
    # a futex that is not private is one with all who map the same file
    "futex": Call(202, 98, (Rule(1, tuple(PRIVATE + n for n in WAITS), 0xFFFFFFFF - REALTIME),)),
    # signals to itself, as abort() sends them
    "rt_sigaction": Call(13, 134),
    "rt_sigprocmask": Call(14, 135),
    "rt_sigreturn": Call(15, 139),
    "sigaltstack": Call(131, 132),
    "kill": Call(62, 129, (Rule(0, (OWN,)),)),
    "tgkill": Call(234, 131, (Rule(0, (OWN,)), Rule(1, (OWN,)))),
    # time
    "clock_gettime": Call(228, 113, (CLOCKS,)),
    "clock_getres": Call(229, 114, (CLOCKS,)),
    "gettimeofday": Call(96, 169),
    "time": Call(201, -1),
    "nanosleep": Call(35, 101),
    "clock_nanosleep": Call(230, 115, (CLOCKS,)),
    "restart_syscall": Call(219, 128),
    # what it is, and what it may use
    "getpid": Call(39, 172),
    "gettid": Call(186, 178),
    "getppid": Call(110, 173),
    "getuid": Call(102, 174),
    "geteuid": Call(107, 175),
    "getgid": Call(104, 176),
    "getegid": Call(108, 177),
    "getresuid": Call(118, 148),
    "getresgid": Call(120, 150),
    "getgroups": Call(115, 158),
    "getcwd": Call(79, 17),
    "getcpu": Call(309, 168),
    "sched_yield": Call(24, 124),
    "sched_getaffinity": Call(204, 123, (Rule(0, (0, OWN)),)),
    "getrlimit": Call(97, 163),
    # its own limits, and to read only
    "prlimit64": Call(302, 261, (Rule(0, (0, OWN)), Rule(2, (0,), is_long=True))),
    "getrandom": Call(318, 278),
    # PR_GET_NAME, PR_SVE_GET_VL (ARM's vector length)
    "prctl": Call(157, 167, (Rule(0, (16, 51)),)),
    # ARCH_GET_XCOMP_SUPP, _GET_XCOMP_PERM, _REQ_XCOMP_PERM: Intel's matrix units
    "arch_prctl": Call(158, -1, (Rule(0, (0x1021, 0x1022, 0x1023)),)),
    "exit": Call(60, 93),
    "exit_group": Call(231, 94),
}

# What looks for a file is told that there is none, so that code which asks first goes on.
ABSENT: dict[str, Call] = {
    "open": Call(2, -1),
    "openat": Call(257, 56),
    "openat2": Call(437, 437),
    "stat": Call(4, -1),
    "lstat": Call(6, -1),
    "newfstatat": Call(262, 79),
    "statx": Call(332, 291),
    "access": Call(21, -1),
    "faccessat": Call(269, 48),
    "faccessat2": Call(439, 439),
    "readlink": Call(89, -1),
    "readlinkat": Call(267, 78),
}

LOAD, JUMP_IF, JUMP_IF_GE, AND, RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
ALLOW, KILL_PROCESS, EPERM, ENOENT = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050002
PR_SET_SECCOMP, MODE_FILTER = 22, 2
Line = tuple[int, int, int, int]


def processor() -> int | None:
    """Return the column of the table for this processor; None when it has none."""
    return {"x86_64": 0, "aarch64": 1}.get(platform.machine())


def filter_program(column: int, pid: int) -> bytes:
    """Return the BPF program that allows the table, for a process with this id.

    A refused call fails with EPERM, as if a permission were missing, or ENOENT, as if a file were:
    libraries that try one and fall back go on. Calls of another architecture end the process. The
    source of the format is <linux/seccomp.h>.
    """
    code: list[Line] = [
        (LOAD, 0, 0, ARCHITECTURE),
        (JUMP_IF, 1, 0, (X86_64, AARCH64)[column]),
        (RETURN, 0, 0, KILL_PROCESS),
        (LOAD, 0, 0, NUMBER),
    ]
    if column == 0:
        code += [(JUMP_IF_GE, 0, 1, X32_BIT), (RETURN, 0, 0, KILL_PROCESS)]
    for call in ALLOWED.values():
        number = (call.x86_64, call.aarch64)[column]
        if number >= 0:
            verdict = conditions(call.rules, pid)
            code += [(JUMP_IF, 0, len(verdict), number), *verdict]
    for call in ABSENT.values():
        number = (call.x86_64, call.aarch64)[column]
        if number >= 0:
            code += [(JUMP_IF, 0, 1, number), (RETURN, 0, 0, ENOENT)]
    code.append((RETURN, 0, 0, EPERM))
    return b"".join(struct.pack("HBBI", *line) for line in code)


def conditions(rules: Sequence[Rule], pid: int) -> list[Line]:
    """Return the lines that allow a call whose arguments follow the rules, and refuse others."""
    code: list[Line] = []
    for rule in rules:
        low = ARGUMENTS + 8 * rule.argument
        if rule.is_long:
            code += [(LOAD, 0, 0, low + 4), (JUMP_IF, 1, 0, 0), (RETURN, 0, 0, EPERM)]
        code.append((LOAD, 0, 0, low))
        if rule.mask != 0xFFFFFFFF:
            code.append((AND, 0, 0, rule.mask))
        for left, value in zip(range(len(rule.values), 0, -1), rule.values, strict=True):
            code.append((JUMP_IF, left, 0, pid if value == OWN else value))
        code.append((RETURN, 0, 0, EPERM))
    return [*code, (RETURN, 0, 0, ALLOW)]


def refuse_all_others(library: Any) -> None:
    """Install the filter on this process for good; raise OSError when that is impossible."""
    column = processor()
    if column is None:
        raise OSError(f"no table of system calls for the processor {platform.machine()!r}")
    program = ctypes.create_string_buffer(filter_program(column, os.getpid()))
    count = (len(program) - 1) // 8
    argument = struct.pack("HxxxxxxP", count, ctypes.addressof(program))
    if library.prctl(PR_SET_SECCOMP, MODE_FILTER, argument, 0, 0) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"system call filter: {os.strerror(number)}")
