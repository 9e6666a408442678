"""What a child asks of the kernel, as data: the code, and the walls that refuse it.

Whatever is asked changes nothing should it be granted: file modes are set to what they are, other
processes get the null signal, files are made in a folder for this. ``walls`` are those that each
refuse it alone: with them switched off it is granted, which shows that the question is a good one.
Questions without walls can't be granted to anybody here, or would do harm.

Among them is each class of the advisories that judges have published and that applies: DMOJ,
isolate (IOI) and Judge0 are named where a question was theirs.
"""

from dataclasses import dataclass

PROLOGUE = """
import ctypes, fcntl, json, mmap, os, resource, signal, socket, struct, sys, threading, time
import autograder.inside.wire
libc = ctypes.CDLL(None, use_errno=True)
KIT = os.path.dirname(autograder.inside.wire.__file__)
PLAY = PLACE
OURS = KIT + "/wire.py"
def system_call(number, *arguments):
    ctypes.set_errno(0)
    passed = [a if isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *passed)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
def control(*arguments):
    if libc.prctl(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def fork(start=os.fork):
    pid = start()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
def mapped():
    libc.mmap.restype = ctypes.c_void_p
    return libc.mmap(None, 4096, 3, 0x22, -1, 0)
def daemon():
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os._exit(0)
    os.waitpid(pid, 0)
def owned(fd, number, value):
    fcntl.fcntl(fd, number, value)
    fcntl.fcntl(fd, number, 0)
def lease():
    handle = os.open(PLAY + "/mine", os.O_RDONLY)
    fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
def lock(path):
    fcntl.lockf(open(path), fcntl.LOCK_SH | fcntl.LOCK_NB)
def description_lock(path):
    fcntl.fcntl(open(path), 37, struct.pack("hhqqi4x", 0, 0, 0, 0, 0))
def same_mode(path):
    os.chmod(path, os.stat(path).st_mode & 0o7777)
def same_times(path):
    state = os.stat(path)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
def same_owner(path):
    os.chown(path, -1, -1)
def threads():
    started = threading.Thread(target=int)
    started.start()
    started.join()
def create(path):
    os.close(os.open(path, os.O_CREAT | os.O_RDWR))
    os.unlink(path)
def write(path):
    with open(path, "ab", 0) as file:
        file.write(b"x")
def keeping(use):
    channel = socket.socket(1, 1, 0, fileno=3)
    try:
        use(channel)
    finally:
        channel.detach()
def peer(option):
    keeping(lambda channel: channel.getsockopt(1, option, 12))
def shared_wait():
    timeout = struct.pack("qq", 0, 1000)
    try:
        system_call(202, mapped(), 0, 0, timeout)
    except TimeoutError:
        pass
def peek(pid):
    here = ctypes.create_string_buffer(8)
    there = struct.pack("QQ", id(None), 8)
    return system_call(310, pid, struct.pack("QQ", ctypes.addressof(here), 8), 1, there, 1, 0)
def closing(what):
    what.close() if hasattr(what, "close") else os.close(what)
said = {}
def ask(name, function):
    try:
        function()
    except OSError as error:
        said[name] = error.strerror or str(error)
    except BaseException as error:
        said[name] = f"{type(error).__name__}: {error}"
    else:
        said[name] = "granted"
"""
REFUSED, NONE = "Operation not permitted", "No such file or directory"
BOTH = ("filter", "Landlock")


@dataclass(frozen=True)
class Asked:
    """Code that is refused, with one of ``errors``, by any of ``walls`` alone."""

    code: str
    walls: tuple[str, ...] = ("filter",)
    errors: tuple[str, ...] = (REFUSED, NONE)


ASKED: dict[str, Asked] = {
    # processes and programs (DMOJ: a compile left a daemon running)
    "fork": Asked("fork()"),
    "fork by number": Asked("fork(lambda: system_call(57))"),
    "vfork by number": Asked("fork(lambda: system_call(58))", ()),
    "a daemon": Asked("daemon()"),
    "clone3 without a filter of its own": Asked(
        "fork(lambda: system_call(435, struct.pack('11Q', 0, 0, 0, 0, 17, *[0] * 6), 88))"),
    "a thread": Asked("threads()", errors=("RuntimeError: can't start new thread",)),
    "a program": Asked("os.posix_spawn('/bin/true', ['true'], {})", BOTH),
    "a program in memory": Asked("closing(os.memfd_create('x'))"),
    "secret memory": Asked("closing(system_call(447, 0))", ()),
    # other processes
    "signal to the warm process": Asked("os.kill(os.getppid(), 0)", BOTH),
    "signal to process 1": Asked("os.kill(1, 0)"),
    "signal to all": Asked("os.kill(-1, 0)"),
    "signal to the group": Asked("os.killpg(0, 0)"),
    "signal to a thread": Asked("system_call(234, os.getppid(), os.getppid(), 0)", BOTH),
    "signal to a thread, by the old call": Asked("system_call(200, os.getppid(), 0)", BOTH),
    "queued signal": Asked(
        "system_call(129, os.getppid(), 0, struct.pack('3i116x', 0, 0, -1))", BOTH),
    "handle of a process": Asked("closing(os.pidfd_open(os.getppid()))"),
    "handle of the peer": Asked("peer(77)"),
    "who the peer is": Asked("peer(17)"),
    "signals at input to others": Asked("owned(1, fcntl.F_SETOWN, os.getppid())"),
    "choice of that signal": Asked("owned(1, 10, 9)"),
    "trace": Asked(
        "system_call(101, 0x4206, os.getppid(), 0, 0)", ("filter", "Landlock", "privileges")),
    "memory of the warm process": Asked(
        "open(f'/proc/{os.getppid()}/mem', 'rb+', 0)", ("filter", "Landlock", "privileges")),
    "memory of the warm process, by a call": Asked(
        "peek(os.getppid())", ("filter", "Landlock", "privileges")),
    "limits of the warm process": Asked("resource.prlimit(os.getppid(), resource.RLIMIT_CPU)"),
    "priority of the warm process": Asked("os.getpriority(os.PRIO_PROCESS, os.getppid())"),
    "policy of the warm process": Asked("os.sched_getscheduler(os.getppid())"),
    "cores of the warm process": Asked("os.sched_getaffinity(os.getppid())"),
    "own cores": Asked("os.sched_setaffinity(0, os.sched_getaffinity(0))"),
    "own priority": Asked("os.setpriority(os.PRIO_PROCESS, 0, 10)"),
    "input and output priority": Asked("system_call(252, 1, 0)"),
    "pages of the warm process": Asked(
        "system_call(279, os.getppid(), 0, 0, 0, 0, 0)", ("filter", "Landlock", "privileges")),
    "its robust futexes": Asked("system_call(274, 0, bytes(8), bytes(8))"),
    "comparison of processes": Asked("system_call(312, os.getpid(), os.getpid(), 1, 0, 0)"),
    "group of a process": Asked("os.getpgid(os.getppid())"),
    "session of a process": Asked("os.getsid(os.getppid())"),
    "waiting for others": Asked("os.waitpid(-1, os.WNOHANG)", ()),
    "times of a process's clock": Asked("time.clock_gettime((~os.getppid() << 3) | 2)"),
    # the network (Judge0: requests from inside; isolate: AF_VSOCK)
    **{
        f"socket of family {family}": Asked(f"closing(socket.socket({family}, {kind}))")
        for family, kind in ((1, 1), (1, 2), (2, 1), (2, 2), (10, 1), (16, 3))
    },
    **{  # packets, ciphers, virtual machines: not every kernel has them
        f"socket of family {family}": Asked(f"closing(socket.socket({family}, {kind}))", ())
        for family, kind in ((17, 3), (38, 5), (40, 1))
    },
    "pair of sockets": Asked("[closing(s) for s in socket.socketpair()]"),
    "descriptor through the channel": Asked(
        "keeping(lambda c: socket.send_fds(c, [b'x'], [1]))", ()),
    "option of the channel": Asked("keeping(lambda c: c.setsockopt(1, 8, 1 << 20))"),
    "address of the channel": Asked("keeping(lambda c: c.getpeername())"),
    # files
    "reading a file": Asked("open(PLAY + '/mine').read()", BOTH),
    "writing a file": Asked(
        "write(PLAY + '/mine')", ("filter", "Landlock", "limits")),
    "creating a file": Asked("create(PLAY + '/new')", BOTH),
    "a nameless file": Asked("closing(os.open(PLAY, os.O_TMPFILE | os.O_RDWR))", BOTH),
    "deleting a file": Asked("os.unlink(PLAY + '/doomed')", BOTH),
    "a folder's files": Asked("os.listdir(PLAY)", BOTH),
    "a folder": Asked("os.mkdir(PLAY + '/folder') or os.rmdir(PLAY + '/folder')", BOTH),
    "a link to a file (Judge0: a link that root follows)": Asked(
        "os.symlink('/etc/passwd', PLAY + '/link') or os.unlink(PLAY + '/link')", BOTH),
    "a second name": Asked(
        "os.link(PLAY + '/mine', PLAY + '/two') or os.unlink(PLAY + '/two')", BOTH),
    "another name": Asked(
        "os.rename(PLAY + '/mine', PLAY + '/x') or os.rename(PLAY + '/x', PLAY + '/mine')", BOTH),
    "a device": Asked("closing(os.open('/dev/null', os.O_RDWR))", BOTH),
    "a pipe with a name": Asked("os.mkfifo(PLAY + '/fifo') or os.unlink(PLAY + '/fifo')", BOTH),
    "truncation": Asked("os.truncate(PLAY + '/mine', 1)", ("filter", "Landlock")),
    "whether a file is there": Asked("os.stat(PLAY + '/mine')"),
    "whether it may be read": Asked("system_call(21, (PLAY + '/mine').encode(), 4)"),
    "a handle without rights": Asked("closing(os.open(PLAY + '/mine', os.O_PATH))"),
    "the newest way to open": Asked(
        "closing(system_call(437, -100, (PLAY + '/mine').encode(), bytes(24), 24))", BOTH),
    "where a link leads": Asked("os.readlink('/proc/self/exe')"),
    "size of the file system": Asked("os.statvfs('/')"),
    "mode (Judge0: chown through a link)": Asked("same_mode(PLAY + '/mine')"),
    "owner": Asked("same_owner(PLAY + '/mine')"),
    "mode, by the newest call": Asked(
        "system_call(452, -100, (PLAY + '/mine').encode(), 0o666, 0)"),
    "attributes": Asked("os.setxattr(PLAY + '/mine', 'user.x', b'')", ()),
    "attributes, by the newest call": Asked(
        "system_call(463, -100, (PLAY + '/mine').encode(), 0, b'user.x', bytes(16), 16)", ()),
    "another root": Asked("os.chroot('/')", ()),
    "another folder": Asked("os.chdir('/')"),
    "a handle to open by": Asked(
        "system_call(303, -100, (PLAY + '/mine').encode(), struct.pack('ii', 64, 0) + bytes(64), "
        "bytes(4), 0)"),
    # what two sandboxes could tell each other by
    "lock of a file": Asked("lock(PLAY + '/mine')", BOTH),
    "lock of a description": Asked("description_lock(PLAY + '/mine')", BOTH),
    "lock of the output": Asked("fcntl.flock(1, fcntl.LOCK_SH | fcntl.LOCK_NB)"),
    "lease": Asked("lease()", BOTH),
    "times of a file": Asked("same_times(PLAY + '/mine')"),
    "notices of a folder": Asked("closing(system_call(294, 0))"),
    "a futex of those who map the same file": Asked("system_call(202, mapped(), 1, 1)"),
    "waiting for one": Asked("shared_wait()"),
    "faults of pages": Asked("resource.getrusage(resource.RUSAGE_SELF)"),
    "pages called into the page cache": Asked("system_call(28, mapped(), 4096, 3)"),
    "own name in the kernel's log": Asked("control(15, b'x', 0, 0, 0)"),
    "what is in the page cache": Asked("system_call(27, mapped(), 4096, bytes(1))"),
    "what is in the page cache, of a file": Asked(
        "system_call(451, 0, bytes(16), bytes(40), 0)", ()),
    "reading what is cached": Asked("os.preadv(0, [bytearray(1)], 0, os.RWF_NOWAIT)", ()),
    "shared memory": Asked("system_call(31, system_call(29, 0, 4096, 0o1600), 0, 0)"),
    "shared memory of others": Asked("system_call(31, 0, 14, ctypes.create_string_buffer(256))"),
    "message queue": Asked("system_call(71, system_call(68, 0, 0o1600), 0, 0)"),
    "semaphores": Asked("system_call(66, system_call(64, 0, 1, 0o1600), 0, 0)"),
    "queue with a name": Asked("system_call(241, b'lab3-none')", ()),
    "key ring": Asked("system_call(250, 0, -3, 0)"),
    "merging equal pages": Asked("system_call(28, mapped(), 4096, 12)"),
    "driving pages out": Asked("system_call(28, mapped(), 4096, 21)"),
    "memory shared with children": Asked("mmap.mmap(-1, 4096).close()"),
    "huge pages": Asked(
        "mmap.mmap(-1, 1 << 21, flags=0x40022).close()", ()),
    "a pipe": Asked("[closing(fd) for fd in os.pipe()]"),
    "a counter of events": Asked("closing(os.eventfd(0))"),
    "a second descriptor": Asked("closing(os.dup(1))"),
    # the kernel (isolate: io_uring, 32 bits; DMOJ: what a newer kernel added)
    "io_uring": Asked("closing(system_call(425, 1, ctypes.create_string_buffer(120)))"),
    "programs in the kernel": Asked("system_call(321, 0, bytes(128), 128)", ()),
    "performance counters": Asked("closing(system_call(298, bytes(128), 0, -1, -1, 0))", ()),
    "page faults": Asked("closing(system_call(323, 1))"),
    "namespace of users": Asked("system_call(272, 0x10000000)", ()),
    "another personality": Asked("system_call(135, 0xffffffff)"),
    "no random addresses": Asked("system_call(135, 0x0040000)"),
    "mounts": Asked(
        "system_call(458, struct.pack('IIQQQ', 32, 0, 2**64 - 1, 0, 0), "
        "ctypes.create_string_buffer(4096), 512, 0)"),
    "a mount's paths": Asked(
        "system_call(457, bytes(32), ctypes.create_string_buffer(512), 512, 0)", ()),
    "a tree of mounts": Asked("closing(system_call(428, -100, b'/', 0))"),
    "a tree of mounts, by the newest call": Asked("closing(system_call(467, -100, b'/', 0, 0, 0))"),
    "security modules": Asked(
        "system_call(461, ctypes.create_string_buffer(256), struct.pack('I', 256), 0)"),
    "another Landlock": Asked("system_call(444, 0, 0, 1)"),
    "another filter": Asked("system_call(317, 2, 0, b'\\0\\0\\xff\\x7f')"),
    "name of the computer": Asked("os.uname()"),
    "load of the computer": Asked("system_call(99, ctypes.create_string_buffer(128))"),
    "log of the kernel": Asked("system_call(103, 10, 0, 0)", ()),
    "outliving the parent": Asked("control(1, 0, 0, 0, 0)"),
    "being traced": Asked("control(0x59616d61, -1, 0, 0, 0)", ()),
    "being dumped": Asked("control(4, 1, 0, 0, 0)"),
    "slack of timers": Asked("control(29, 1, 0, 0, 0)"),
    "speculation": Asked("control(52, 0, 0, 0, 0)"),
    "another thread pointer": Asked("system_call(158, 0x1003, bytes(8))"),
    "a terminal": Asked("fcntl.ioctl(1, 0x541b, bytes(4))"),
    "input to a terminal": Asked("fcntl.ioctl(1, 0x5412, b'x')", ()),
    # privileges and limits
    "root": Asked("os.setuid(0)", ()),
    "the same user": Asked("os.setuid(os.getuid())"),
    "groups": Asked("os.setgroups([])", ()),
    "capabilities": Asked("system_call(125, struct.pack('Ii', 0x20080522, 0), bytes(24))"),
    "another mask of files": Asked("os.umask(0o22)"),
    "higher limits": Asked(
        "resource.setrlimit(resource.RLIMIT_NOFILE, (2 ** 20, 2 ** 20))", walls=(),
        errors=("ValueError: not allowed to raise maximum limit",)),
    "lower limits": Asked(
        "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))",
        errors=("ValueError: not allowed to raise maximum limit",)),
    "more memory than allowed": Asked(
        "mmap.mmap(-1, 1 << 40, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000).close()",
        ("limits",), ("Cannot allocate memory",)),
}  # fmt: skip
