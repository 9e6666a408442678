"""Patches of everything that code shares a process with, and odd errors."""

from tests.hostile.attacks.making import Attack, behind, both

PATCHES = behind(("process",), [
    both(name, text, "skeleton")
    for name, text in {
        "patched standard library": """
            import builtins, json, math
            json.dumps = lambda *_, **__: '{"id": 1, "answer": {"results": []}}'
            json.loads = lambda *_, **__: {
                "id": 1, "question": {"kind": "Places", "arguments": {}}}
            math.log2 = math.frexp = lambda *_: 0.5
            builtins.isinstance = builtins.hasattr = lambda *_: True
            builtins.len = lambda *_: 1
            builtins.NotImplementedError = type("passed", (BaseException,), {})
            """,
        "patched wire": """
            import autograder.inside.wire as wire
            import safetensors.torch
            wire.write_frame = lambda *_: None
            wire.pack = lambda *_: []
            safetensors.torch.save = lambda *_: b"passed"
            import os; os._exit(0)
            """,
        "patched import": """
            import builtins, importlib, sys, types
            class Module(types.ModuleType):
                def __getattr__(self, name): return lambda *_, **__: 0.25
            ours = ("autograder.inside.probes", "autograder.inside.wire")
            for name in ("lab3.observer", "lab3.resnet", *ours):
                sys.modules[name] = Module(name)
            sys.meta_path.clear()
            builtins.__import__ = lambda *_, **__: Module("x")
            """,
        "no module at all": """
            import sys
            for name in list(sys.modules):
                if name.startswith(("lab3", "autograder")):
                    sys.modules[name] = None
            """,
        "handlers": """
            import atexit, os, signal, sys, threading
            atexit.register(lambda: print("passed"))
            for number in range(1, 32):
                try:
                    signal.signal(number, lambda *_: os._exit(0))
                except (OSError, ValueError):
                    pass
            sys.settrace(lambda *_: None)
            sys.setprofile(lambda *_: None)
            sys.excepthook = sys.unraisablehook = lambda *_: None
            signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
            """,
    }.items()
] + [
    both("patched torch", """
        import torch
        torch.equal = torch.allclose = torch.isfinite = lambda *_, **__: True
        torch.Tensor.__eq__ = torch.Tensor.__le__ = lambda *_: True
        torch.save = torch.load = torch.randn = lambda *_, **__: None
        """, "no shortcut", group="forward"),
    both("patched reports of errors", """
        import autograder.inside.probes as probes
        probes.describe_error = lambda error: None
        """, "skeleton", walls=("answers",)),
    Attack("subclass of Tensor", "skeleton", resnet="""
        class Lying(torch.Tensor):
            @classmethod
            def __torch_function__(cls, function, types, args=(), kwargs=None):
                return torch.ones(2, 10).as_subclass(cls)
        forward = lambda self, x: torch.ones(2, 10).as_subclass(Lying)
        QuantizableResNet.forward = QuantizableBottleneck.forward = forward
        QuantizableResNet.fuse_model = lambda *_, **__: None
        """, walls=("errors", "answers"), group="forward"),

])  # fmt: skip

ODD_ERRORS = behind(("errors", "answers"), [
    both(name, text, "skeleton")
    for name, text in {
        "names of outcomes": """
            class passed(Exception): pass
            raise passed("passed")
            """,
        "huge message": "raise ValueError('x' * 50_000_000)",
        "message with control characters": "raise ValueError('\\x00\\x1b[2J\\ud800' * 999)",
        "message that raises": """
            class Rude(Exception):
                def __str__(self): raise SystemExit(0)
            raise Rude
            """,
        "message of another type": """
            class Text(str):
                def __getitem__(self, _): return {"passed": [1] * 100}
            class Rude(Exception):
                def __str__(self): return Text("x")
            raise Rude
            """,
        "name that raises": """
            class Meta(type):
                @property
                def __name__(cls): raise SystemExit(0)
            class Rude(Exception, metaclass=Meta): pass
            raise Rude
            """,
        "group of exceptions": "raise BaseExceptionGroup('x', [SystemExit(0), SystemExit(1)])",
        "chain of exceptions": """
            error = None
            for _ in range(5000):
                new = ValueError("x"); new.__cause__ = error; error = new
            raise error
            """,
    }.items()
] + [
    both("message that loops", """
        class Rude(Exception):
            def __str__(self):
                while True: pass
        raise Rude
        """, "skeleton", is_endless=True, walls=("time",)),
    Attack("results of a million digits", "skeleton", observer="""
        CusQuantObserver.scale_approximate = lambda *_: 10 ** 1000000
        """),
])  # fmt: skip
# A stub, and numbers like any others once they have crossed.
ONLY_ANSWERS = [
    both("stub that is none", "raise NotImplementedError('passed')", "skeleton"),
    Attack("results equal to everything", "constant scale", observer="""
        class Equal(float):
            def __eq__(self, other): return True
            def __lt__(self, other): return True
            __gt__ = __le__ = __ge__ = __lt__
            def __hash__(self): return 0
            def hex(self): return "passed"
            def __float__(self): return self
        CusQuantObserver.scale_approximate = lambda *_: Equal(0.25)
        """),
    Attack("results that are strings", "constant scale", observer="""
        CusQuantObserver.scale_approximate = lambda *_: "0.25"
        """),
]  # fmt: skip
