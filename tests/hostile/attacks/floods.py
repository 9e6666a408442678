"""Output without end, and what is done to the descriptors that are there."""

from tests.hostile.attacks.making import behind, both

FLOODS = behind(("answers",), [
    both("flood of stdout", "while True: print('x' * 65536)", "skeleton", is_endless=True,
         is_flood=True, walls=("output",)),
    both("flood of stderr", """
        import os
        while True: os.write(2, b"y" * 65536)
        """, "skeleton", is_endless=True, is_flood=True, walls=("output",)),
    both("binary output", """
        import os
        os.write(1, bytes(range(256)) * 64)
        os.write(2, b"\\xff\\xfe\\x00\\xed\\xa0\\x80" * 64)
        """, walls=("decoding",)),
    both("escape sequences", """
        print("\\x1b[2J\\x1b]0;title\\x07\\x1b[31mPASSED\\r\\n\\u202e\\x00\\x9b1A" * 50)
        """, "skeleton", walls=("harmless texts",)),
    both("output closed", "import os; os.close(1); os.close(2)", walls=("open output", "answers")),
    both("output closed and the process gone", "import os; os.close(1); os.close(2); os._exit(0)"),
    both("output printed, then gone", "import os; print('x' * 300_000, flush=True); os._exit(0)"),
    both("all descriptors closed", "import os; os.closerange(0, 11)"),
    both("channel closed", "import os; os.close(3)"),
    both("output into the channel", "import os; os.dup2(3, 1); os.dup2(3, 2); print('x' * 9999)",
         walls=("filter", "answers")),
    both("channel into the output", "import os; os.dup2(1, 3)", walls=("filter", "answers")),
    both("channel half closed", """
        import socket
        socket.socket(fileno=3).shutdown(socket.SHUT_RD)
        """, walls=("filter", "answers")),
    both("channel not blocking", """
        import os
        for fd in (1, 3):
            os.set_blocking(fd, False)
        print("REACHED")
        """, walls=("filter",)),
    both("signals at output to the warm process", """
        import fcntl, os, time
        for fd in (1, 3):
            try:
                fcntl.fcntl(fd, fcntl.F_SETOWN, os.getppid())
                fcntl.fcntl(fd, 10, 9)  # F_SETSIG
                flags = fcntl.fcntl(fd, fcntl.F_GETFL)
                fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_ASYNC)
                print("REACHED", fd)
            except OSError as error:
                print(error)
        for _ in range(5):
            print("x" * 100_000, flush=True)
            time.sleep(0.05)
        """, walls=("filter",)),
])  # fmt: skip
