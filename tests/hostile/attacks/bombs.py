"""Bombs: processes, memory, files and objects without end."""

from tests.hostile.attacks.making import Attack, behind, both

BOMBS = behind(("filter",), [
    both("fork bomb", """
        import os
        for _ in range(20):
            try:
                if os.fork() == 0:
                    os._exit(0)
                print("REACHED another process")
            except OSError as error:
                print(error)
        """),
    both("thread bomb", """
        import threading
        threading.stack_size(32768)
        go_on = threading.Event()
        try:
            for count in range(2000):
                threading.Thread(target=go_on.wait, daemon=True).start()
            print("REACHED", count, "threads")
        except BaseException as error:
            print("stopped after", count, error)
        go_on.set()
        """),
    both("subprocesses", """
        import multiprocessing, os, subprocess
        for start in (lambda: subprocess.run(["/bin/true"]), lambda: os.system("true"),
                      lambda: os.posix_spawn("/bin/true", ["true"], {}),
                      lambda: multiprocessing.get_context("fork").Process(target=print).start(),
                      lambda: multiprocessing.get_context("spawn").Process(target=print).start()):
            try:
                status = start()
                print("stopped" if status in (-1, 32512) else "REACHED", status)
            except BaseException as error:
                print(error)
        """),
    both("execv", """
        import os, sys
        for program in (sys.executable, "/bin/sh", "/lib64/ld-linux-x86-64.so.2"):
            try:
                os.execv(program, [program, "-c", "print('REACHED')"])
            except BaseException as error:
                print(error)
        """, walls=("filter", "Landlock")),
    both("memory bomb of mappings", """
        import mmap
        own = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        hoard = [mmap.mmap(-1, 1 << 28, flags=own) for _ in range(64)]
        print("REACHED 16 GB")
        """, walls=("limits",)),
    both("memory bomb of tensors", """
        import torch
        hoard = [torch.empty(1 << 30, dtype=torch.uint8) for _ in range(16)]
        print("REACHED 16 GB")
        """, walls=("limits",)),
    both("memory bomb of shared mappings", """
        import mmap
        hoard = []
        for _ in range(64):
            hoard.append(mmap.mmap(-1, 1 << 28))
            hoard[-1][:4096] = bytes(4096)
        print("REACHED 16 GB")
        """, walls=("filter", "limits")),
    both("disk bomb", """
        import os
        for folder in ("/tmp", "/dev/shm", "/", ".", "/dev", "/kit", "/site/0", "/var/tmp", "/run"):
            try:
                handle = os.open(f"{folder}/lab3-hostile-bomb", os.O_CREAT | os.O_RDWR)
                print("REACHED", folder, os.write(handle, bytes(1 << 20)))
            except OSError as error:
                print(error)
        """, walls=("filter", "Landlock", "limits")),
    both("open file bomb", """
        import os
        try:
            for count in range(200):
                os.dup(1)
            print("REACHED", count, "files")
        except OSError as error:
            print(error)
        """, walls=("filter", "limits")),
    both("pipe bomb", """
        import fcntl, os
        hoard = []
        try:
            for _ in range(40):
                hoard.append(os.pipe())
                fcntl.fcntl(hoard[-1][1], 1031, 1 << 20)
                os.set_blocking(hoard[-1][1], False)
                os.write(hoard[-1][1], bytes(1 << 20))
            print("REACHED 40 MB of the kernel's")
        except OSError as error:
            print(error)
        """, walls=("filter", "limits")),
    both("recursion", "def again(): again()\nagain()", "skeleton",
         walls=("errors", "answers")),
    both("deep recursion", """
        import sys
        sys.setrecursionlimit(1 << 30)
        class Nested:
            def __eq__(self, other): return [self] == [Nested()]
        Nested() == Nested()
        """, "skeleton", walls=("process",)),
    Attack("many classes", "nothing fused", resnet="""
        for index in range(20000):
            name = f"Class{index:0190}"
            globals()[name] = type(name, (), {"f": lambda self: 0, "__module__": "lab3.resnet"})
        """, walls=("answers",), group="fusion"),
    Attack("objects that never go", observer="""
        import gc, weakref
        class Undying:
            def __del__(self):
                global kept
                kept = self
                [Undying() for _ in range(2)] if len(gc.get_objects()) < 10 ** 5 else None
        for _ in range(100):
            one = Undying()
            weakref.finalize(one, lambda: [Undying() for _ in range(3)])
        """, is_endless=True, walls=("time",)),
])  # fmt: skip
