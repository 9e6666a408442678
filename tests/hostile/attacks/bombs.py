"""Bombs: processes, memory, files and objects without end."""

from tests.hostile.attacks.making import Attack, both

BOMBS = [
    both("fork bomb", """
        import os
        for _ in range(20):
            try:
                if os.fork() == 0:
                    os._exit(0)
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
        except BaseException as error:
            print("stopped after", count, error)
        go_on.set()
        """),
    both("subprocesses", """
        import multiprocessing, os, subprocess
        for start in (lambda: subprocess.run(["true"]), lambda: os.system("true"),
                      lambda: os.posix_spawn("/bin/true", ["true"], {}),
                      lambda: multiprocessing.get_context("fork").Process(target=print).start(),
                      lambda: multiprocessing.get_context("spawn").Process(target=print).start()):
            try:
                print(start())
            except BaseException as error:
                print(error)
        """),
    both("execv", """
        import os, sys
        for program in (sys.executable, "/bin/sh", "/lib64/ld-linux-x86-64.so.2"):
            try:
                os.execv(program, [program, "-c", "print(1)"])
            except BaseException as error:
                print(error)
        """),
    both("memory bomb of bytes", "hoard = []\nwhile True: hoard.append(bytearray(1 << 28))"),
    both("memory bomb of tensors", "import torch\ntorch.empty(1 << 45, dtype=torch.uint8)"),
    both("memory bomb of shared mappings", """
        import mmap
        hoard = []
        while True:
            hoard.append(mmap.mmap(-1, 1 << 28))
            hoard[-1][:] = bytes(1 << 28)
        """),
    both("disk bomb", """
        import os
        for folder in ("/tmp", "/dev/shm", "/", ".", "/dev", "/kit", "/site/0", "/var/tmp", "/run"):
            try:
                handle = os.open(f"{folder}/lab3-hostile-bomb", os.O_CREAT | os.O_RDWR)
                print("OPENED", folder, os.write(handle, bytes(1 << 20)))
            except OSError as error:
                print(error)
        """),
    both("open file bomb", """
        import os
        try:
            while True:
                os.dup(1)
        except OSError as error:
            pass
        """),
    both("pipe bomb", """
        import fcntl, os
        hoard = []
        try:
            while True:
                hoard.append(os.pipe())
                fcntl.fcntl(hoard[-1][1], 1031, 1 << 20)
                os.set_blocking(hoard[-1][1], False)
                os.write(hoard[-1][1], bytes(1 << 20))
        except OSError as error:
            print(error)
        """),
    both("recursion", "def again(): again()\nagain()", "skeleton"),
    both("deep recursion", """
        import sys
        sys.setrecursionlimit(1 << 30)
        class Nested:
            def __eq__(self, other): return [self] == [Nested()]
        Nested() == Nested()
        """, "skeleton"),
    Attack("many classes", resnet="""
        for index in range(20000):
            globals()[f"Class{index}"] = type(
                f"Class{index}", (), {"f": lambda self: 0, "__module__": "lab3.resnet"})
        """),
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
        """, is_endless=True),
]  # fmt: skip
