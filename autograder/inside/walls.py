"""The walls around one forked child: limits, no privileges, few system calls (Linux).

``raise_walls`` is called by the child on itself, before any student code runs.
"""

import ctypes
import os
import platform
import resource
import struct
from typing import Any

# What a child is refused, by the numbers of <asm/unistd.h>; -1 where a processor has no such call.
X86_64, AARCH64 = 0xC000003E, 0xC00000B7  # AUDIT_ARCH_* of <linux/audit.h>
REFUSED = {  # name: (x86-64, aarch64)
    # other processes
    "fork": (57, -1), "vfork": (58, -1), "clone": (56, 220),
    "execve": (59, 221), "execveat": (322, 281),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "setpgid": (109, 154), "setsid": (112, 157),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "setpriority": (141, 140),
    "ioprio_set": (251, 30), "sched_setattr": (314, 274), "process_madvise": (440, 440),
    # the network and other channels
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242),
    "sendmsg": (46, 211), "recvmsg": (47, 212), "sendmmsg": (307, 269), "recvmmsg": (299, 243),
    "shmget": (29, 194), "shmat": (30, 196), "msgget": (68, 186), "semget": (64, 190),
    "mq_open": (240, 180), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    # the file system's shape and namespaces
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "unshare": (272, 97), "setns": (308, 268), "move_mount": (429, 429), "open_tree": (428, 428),
    "fsopen": (430, 430), "fsmount": (432, 432), "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265), "inotify_init": (253, -1), "inotify_init1": (294, 26),
    "fanotify_init": (300, 262), "flock": (73, 32),
    # what belongs to files that are not the child's: devices are the computer's own
    "chmod": (90, -1), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, -1), "fchown": (93, 55), "lchown": (94, -1), "fchownat": (260, 54),
    "utime": (132, -1), "utimes": (235, -1), "futimesat": (261, -1), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    # the kernel
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "init_module": (175, 105), "finit_module": (313, 273), "kexec_load": (246, 104),
    "personality": (135, 92), "quotactl": (179, 60), "acct": (163, 89), "swapon": (167, 224),
    "reboot": (169, 142), "modify_ldt": (154, -1), "syslog": (103, 116),
    "sched_setaffinity": (203, 122),
}  # fmt: skip
CLONE3 = (435, 435)
KILL, TGKILL = (62, 129), (234, 131)
PRLIMIT = (302, 261)
REFUSED_COMMANDS = {  # number: (offset of the argument, its refused values)
    # signals to owners of descriptors, leases and watches: F_SETOWN, F_SETSIG, F_SETOWN_EX, ...
    (72, 25): (24, (8, 10, 15, 1024, 1026)),  # fcntl
    (16, 29): (24, (0x8901, 0x8902)),  # ioctl: FIOSETOWN, SIOCSPGRP
    (157, 167): (16, (1,)),  # prctl: PR_SET_PDEATHSIG, so that no child outlives the worker
}

LOAD, JUMP_IF, JUMP_IF_GE, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER, ARCHITECTURE, ARGUMENT_0 = 0, 4, 16  # offsets in struct seccomp_data
ALLOW, KILL_PROCESS, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
CAPABILITIES_V3 = 0x20080522


def architecture() -> int | None:
    """Return the column of the tables above for this processor; None when it has none."""
    return {"x86_64": 0, "aarch64": 1}.get(platform.machine())


def filter_program(column: int, pid: int) -> bytes:
    """Return the BPF program that refuses what the tables name, for a process with this id.

    A refused call fails with EPERM, as if permissions were missing: libraries that try one and
    fall back go on; ``clone3`` fails with ENOSYS, as on a kernel that has none. The source of the
    format is <linux/seccomp.h>.
    """
    code: list[tuple[int, int, int, int]] = [
        (LOAD, 0, 0, ARCHITECTURE),
        (JUMP_IF, 1, 0, (X86_64, AARCH64)[column]),
        (RETURN, 0, 0, KILL_PROCESS),
        (LOAD, 0, 0, NUMBER),
    ]
    if column == 0:  # the x32 numbers are a second door to the same calls
        code += [(JUMP_IF_GE, 0, 1, 0x40000000), (RETURN, 0, 0, KILL_PROCESS)]
    code += [(JUMP_IF, 0, 1, CLONE3[column]), (RETURN, 0, 0, ENOSYS)]
    for numbers in REFUSED.values():
        if numbers[column] >= 0:
            code += [(JUMP_IF, 0, 1, numbers[column]), (RETURN, 0, 0, EPERM)]

    # A process may signal itself, as abort() does, and ask for its own limits.
    for numbers, allowed in ((KILL, pid), (TGKILL, pid), (PRLIMIT, 0)):
        code += [
            (JUMP_IF, 0, 4, numbers[column]),
            (LOAD, 0, 0, ARGUMENT_0),
            (JUMP_IF, 1, 0, allowed),
            (RETURN, 0, 0, EPERM),
            (LOAD, 0, 0, NUMBER),
        ]
    for numbers, (offset, values) in REFUSED_COMMANDS.items():
        code += [(JUMP_IF, 0, 2 * len(values) + 2, numbers[column]), (LOAD, 0, 0, offset)]
        for value in values:
            code += [(JUMP_IF, 0, 1, value), (RETURN, 0, 0, EPERM)]
        code.append((LOAD, 0, 0, NUMBER))
    code.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("HBBI", *line) for line in code)


def libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def call(result: int, what: str) -> None:
    """Raise OSError when a C function has failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def raise_walls(limits: dict[str, int]) -> None:
    """Shut this process in for good.

    ``limits``: ``address_space_bytes``, ``cpu_s``, ``files``. Raises OSError when a wall can't be
    raised: the caller must not go on then.
    """
    library = libc()
    call(library.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0), "die with the parent")
    set_limits(limits)
    drop_privileges(library)
    refuse_system_calls(library)


def set_limits(limits: dict[str, int]) -> None:
    for name, value in (
        (resource.RLIMIT_AS, limits["address_space_bytes"]),
        (resource.RLIMIT_CPU, limits["cpu_s"]),
        (resource.RLIMIT_NOFILE, limits["files"]),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        resource.setrlimit(name, (value, value))


def drop_privileges(library: Any, nobody: int = 65534) -> None:
    """Become nobody, without capabilities and without a way to gain any."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(nobody, nobody, nobody)
        os.setresuid(nobody, nobody, nobody)
        call(library.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0), "die with the parent")
    call(library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    for capability in range(64):
        if library.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            break  # past the last capability, or not allowed to hold any
    header = struct.pack("Ii", CAPABILITIES_V3, 0)
    call(library.capset(header, bytes(24)), "drop capabilities")
    call(library.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "not dumpable")


def refuse_system_calls(library: Any) -> None:
    column = architecture()
    if column is None:
        raise OSError(f"no table of system calls for the processor {platform.machine()!r}")
    program = ctypes.create_string_buffer(filter_program(column, os.getpid()))
    count = (len(program) - 1) // 8
    argument = struct.pack("HxxxxxxP", count, ctypes.addressof(program))
    call(library.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, argument, 0, 0), "system call filter")


def current_address_space_bytes() -> int:
    """Return how much address space this process has, to the megabyte, without /proc.

    The smallest limit under which one more page can be had is found by halving.
    """
    import mmap

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    low, high = 0, 1 << 47
    while high - low > 1 << 20:
        middle = (low + high) // 2
        resource.setrlimit(resource.RLIMIT_AS, (middle, hard))
        try:
            mmap.mmap(-1, mmap.PAGESIZE).close()
            high = middle
        except (OSError, MemoryError):
            low = middle
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return high
