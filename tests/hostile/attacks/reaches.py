"""Code that looks for secrets, and for other people's files and processes."""

from tests.conftest import ROOT
from tests.hostile.attacks.making import Attack, behind, both

SNOOP = """
    import gc, os, re, sys
    SECRET = re.compile("can" + "ary-[0-9a-f]{4}")
    def tell(where, text):
        if found := SECRET.search(text):
            print("FOUND", where, found.group(), flush=True)
"""
SNOOPS = behind(("filter", "Landlock"), [
    both("snoop in the environment", SNOOP + """
    tell("environ", repr(dict(os.environ)))
    import ctypes
    environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
    index = 0
    while environ[index]:
        tell("environ", environ[index].decode()); index += 1
    print(dict(os.environ), sys.argv, sys.path, sys.orig_argv)
    """, walls=("environment",)),
    both("snoop in files", SNOOP + """
    tops = ("/tmp", "/kit", "/etc", "/proc", "/home", "/work", "/var", "/root", "/dev/shm",
            "/run", "/sys", "/mnt", "/opt", "/srv", "/usr/share", "/site/0/sklearn")
    paths = (os.path.join(folder, name) for top in tops for folder, _, files in os.walk(top)
             if "pyenv" not in folder and "site-packages" not in folder for name in files)
    for path in paths:
        tell("path", path)
        try:
            tell(path, open(path, errors="replace").read(1 << 20))
        except OSError:
            pass
        if path.endswith((".toml", ".csv", ".csv.gz", ".env", "shadow", "passwd")):
            print("FOUND a file", path)
            break  # one is enough
    """),
    both("snoop in memory", SNOOP + """
    def walk(frame):
        while frame:
            tell("frame", repr(frame.f_locals)[:100_000])
            frame = frame.f_back
    walk(sys._getframe())
    gc.unfreeze()
    for thing in gc.get_objects():
        try:
            if isinstance(thing, dict):
                for key, value in list(thing.items()):
                    if isinstance(key, str): tell("dict", key)
                    if isinstance(value, (str, bytes)): tell("dict", str(value))
            elif isinstance(thing, (list, tuple, set)):
                for value in thing:
                    if isinstance(value, (str, bytes)): tell("list", str(value))
        except BaseException:
            pass
    import socket
    for thing in gc.get_objects():
        if isinstance(thing, socket.socket):
            try:
                thing.send(b'{"do": "end", "pid": 1, "grace_s": 0}\\n')
            except OSError as error:
                print(error)
    """, walls=("process",)),
    both("snoop in modules", SNOOP + """
    for name in ("rubric", "grading", "expected.reference", "expected.inputs", "material", "checks",
                 "host.client", "submissions.reading", "checks.test_observer", "messages",
                 "exports"):
        try:
            __import__(f"autograder.{name}")
            print("FOUND module", name)
        except ImportError as error:
            print(error)
    for name in ("sklearn.datasets", "scipy", "tools.running.workspace", "solution", "tests"):
        try:
            __import__(name)
            print("FOUND module", name)
        except ImportError as error:
            print(error)
    """, walls=("process",)),
])  # fmt: skip

# For other people's files and processes, by the paths and numbers that they usually have.
REACHES = behind(("filter", "Landlock"), [
    *(
        Attack(f"the solution borrowed from {place}", "skeleton", *(f"""
            import glob
            for path in glob.glob({pattern!r}) + [{pattern!r}]:
                try:
                    exec(compile(open(path).read(), "lab3/{name}", "exec"), globals())
                    print("using", path)
                except OSError as error:
                    print(path, error)
            """ for name, pattern in (
                (name, f"{top}/solution/lab3/{name}") for name in ("resnet.py", "observer.py"))))
        for place, top in (("the kit", str(ROOT)), ("a home", "/home/*"), ("next to it", ".."))
    ),
    both("files left behind", """
        import os
        left = 0
        for top in ("/tmp", "/var/tmp", "/dev/shm", "/run", ".", os.path.dirname(__file__) or "."):
            try:
                os.mkdir(f"{top}/lab3-left")
                for index in range(2000):
                    os.close(os.open(f"{top}/lab3-left/{index}", os.O_CREAT | os.O_WRONLY))
                    left += 1
            except OSError as error:
                print(error)
        print("REACHED" if left else "stopped", left)
        """),
    both("other submissions and the kit", f"""
        import os
        for top in ({str(ROOT)!r}, "/tmp", "/home"):
            for folder, _, names in os.walk(top):
                for name in names:
                    if "hostile-prey" in name or name == "rubric.toml":
                        print("REACHED", folder, name)
        for path in ({str(ROOT / "autograder" / "rubric.toml")!r}, {str(ROOT / "README.md")!r}):
            for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
                try:
                    os.close(os.open(path, flags))
                    print("REACHED", path, flags)
                except OSError as error:
                    print(error)
        """),
    both("the grader's memory", """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        buffer = ctypes.create_string_buffer(8)
        here = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
        there = (ctypes.c_size_t * 2)(id(None) + 8, 8)  # its type, at this place in every copy
        for pid in {1, 2, os.getppid(), *range(max(2, os.getppid() - 40), os.getppid())}:
            try:
                os.close(os.open(f"/proc/{pid}/mem", os.O_RDWR))
                print("REACHED", pid)
            except OSError:
                pass
            for call in (libc.process_vm_readv, libc.process_vm_writev):
                if call(pid, here, 1, there, 1, 0) != 8:
                    break
                print("REACHED", pid, call)
            if libc.ptrace(0x4206, pid, 0, 0) == 0:
                print("REACHED", pid, "trace", flush=True)
                os._exit(0)  # which lets it go
        """),
])  # fmt: skip
