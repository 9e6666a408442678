"""The attacks as data: code that is put behind the files of a better or worse submission."""

import textwrap
from dataclasses import dataclass

from tests.conftest import ROOT, SOLVED

SECRET_PREFIX = "canary-"  # what secrets begin with; attacks look for it wherever they can

SKELETON = {name: (ROOT / "assignment" / "lab3" / name).read_bytes() for name in SOLVED}


def edited(name: str, old: str, new: str) -> dict[str, bytes]:
    """Return the solution with a piece replaced that must be there."""
    text = SOLVED[name].decode()
    assert old in text, old
    return {**SOLVED, name: text.replace(old, new).encode()}


BASES = {
    "solved": SOLVED,
    "skeleton": SKELETON,
    "wrong scales": edited(
        "observer.py", "return 2.0 ** -max(0, min(shift, max_shift_amount))", "return scale or 0.3"
    ),
    "no upper clamp": edited("observer.py", "-max(0, min(shift, ", "-(min(shift, "),
    "constant scale": {
        **SKELETON,
        "observer.py": SKELETON["observer.py"]
        + b"\n\nCusQuantObserver.scale_approximate = lambda *_: 0.25\n",
    },
    "qparams of its own": edited(
        "observer.py", "scale = float(self.scale_approximate(2 * largest / 255))", "scale = 0.3"
    ),
    "plain addition": edited(
        "resnet.py",
        "return self.skip_add_relu.add_relu(out, identity)",
        "return torch.relu(out + identity)",
    ),
    "nothing fused": edited(
        "resnet.py", "fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules", "return"
    ),
}


@dataclass(frozen=True)
class Attack:
    """``resnet`` and ``observer`` come behind the files of a base; ``is_endless`` hangs."""

    name: str
    base: str = "solved"
    resnet: str = ""
    observer: str = ""
    is_endless: bool = False

    @property
    def files(self) -> dict[str, bytes]:
        files = BASES[self.base]
        return {
            "resnet.py": files["resnet.py"] + code(self.resnet),
            "observer.py": files["observer.py"] + code(self.observer),
        }


def code(text: str) -> bytes:
    return ("\n\n" + textwrap.dedent(text)).encode()


def both(name: str, text: str, base: str = "solved", is_endless: bool = False) -> Attack:
    """An attack that both files make as they are imported."""
    return Attack(name, base, text, text, is_endless)


STAGES = {  # where a submission's code runs, and the function that runs there
    "scale_approximate": ("observer", "CusQuantObserver.scale_approximate"),
    "calculate_qparams": ("observer", "CusQuantObserver.calculate_qparams"),
    "block": ("resnet", "QuantizableBottleneck.forward"),
    "network": ("resnet", "QuantizableResNet.forward"),
    "fuse_model": ("resnet", "QuantizableResNet.fuse_model"),
}
ENDINGS = {
    "exit 0": "import os; os._exit(0)",
    "exit 1": "import os; os._exit(1)",
    "sys.exit": "import sys; sys.exit(0)",
    "SIGKILL": "import os; os.kill(os.getpid(), 9)",
    "SIGSEGV": "import ctypes; ctypes.string_at(8)",
    "abort": "import os; os.abort()",
}
HANGS = {
    "loop": "while True: pass",
    "sleep": "import time; time.sleep(1000)",
    "SIGSTOP": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
}


def at_stages(endings: dict[str, str], is_endless: bool) -> list[Attack]:
    attacks = [both(f"{name} at import", text, "skeleton", is_endless) for name, text in
               endings.items()]  # fmt: skip
    for name, text in endings.items():
        for stage, (file, function) in STAGES.items():
            body = f"def attack(*_, **__):\n    {text}\n\n{function} = attack\n"
            attack = Attack(f"{name} in {stage}", **{file: body}, is_endless=is_endless)
            attacks.append(attack)
    return attacks


DYING = at_stages(ENDINGS, is_endless=False)
ENDLESS = at_stages(HANGS, is_endless=True)

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

FLOODS = [
    both("flood of stdout", "while True: print('x' * 65536)", "skeleton", is_endless=True),
    both("flood of stderr", """
        import os
        while True: os.write(2, b"y" * 65536)
        """, "skeleton", is_endless=True),
    both("binary output", """
        import os
        os.write(1, bytes(range(256)) * 64)
        os.write(2, b"\\xff\\xfe\\x00\\xed\\xa0\\x80" * 64)
        """),
    both("escape sequences", """
        print("\\x1b[2J\\x1b]0;title\\x07\\x1b[31mPASSED\\r\\n\\u202e\\x00\\x9b1A" * 50)
        """),
    both("output closed", "import os; os.close(1); os.close(2)"),
    both("output closed and the process gone", "import os; os.close(1); os.close(2); os._exit(0)"),
    both("output printed, then gone", "import os; print('x' * 300_000, flush=True); os._exit(0)"),
    both("all descriptors closed", "import os; os.closerange(0, 11)"),
    both("channel closed", "import os; os.close(3)"),
    both("output into the channel", "import os; os.dup2(3, 1); os.dup2(3, 2); print('x' * 9999)"),
    both("channel into the output", "import os; os.dup2(1, 3)"),
    both("channel half closed", """
        import socket
        socket.socket(fileno=3).shutdown(socket.SHUT_RD)
        """),
    both("channel not blocking", "import os; os.set_blocking(3, False); os.set_blocking(1, False)"),
    both("signals at output to the warm process", """
        import fcntl, os, time
        for fd in (1, 3):
            try:
                fcntl.fcntl(fd, fcntl.F_SETOWN, os.getppid())
                fcntl.fcntl(fd, 10, 9)  # F_SETSIG
                flags = fcntl.fcntl(fd, fcntl.F_GETFL)
                fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_ASYNC)
            except OSError as error:
                print(error)
        for _ in range(5):
            print("x" * 100_000, flush=True)
            time.sleep(0.05)
        """),
]  # fmt: skip

SEND = """
    import json, os, struct
    def frame(header, body=b"", magic=b"L3F1", lengths=None):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<4sII", magic, *(lengths or (len(text), len(body)))) + text + body
    def send(data, fds=(3,)):
        for fd in fds:
            try:
                os.write(fd, data)
            except OSError:
                pass
    passed = {"id": 1, "answer": {"results": [{"value": "0x1p-2"}] * 5}}
"""
FRAMES = [
    both(f"frame: {name}", SEND + textwrap.indent(text, "    "), "skeleton")
    for name, text in {
        "garbage": "send(os.urandom(1 << 16))",
        "garbage everywhere": "send(b'L3F1' * 1000, range(64))",
        "forged answers": "for n in range(1, 50): send(frame({**passed, 'id': n}))",
        "one answer to every question": "send(frame(passed))",
        "wrong id": "send(frame({**passed, 'id': 77}))",
        "huge header": "send(frame(b'', lengths=(0xffffffff, 0)))",
        "huge body": "send(frame(passed, lengths=(20, 0xffffffff)))",
        "longer than told": "send(frame(passed) + b'x' * 9999)",
        "shorter than told": "send(frame(passed, lengths=(4000, 0))); os._exit(0)",
        "empty": "send(frame(b''))",
        "no JSON": "send(frame(b'\\xff\\x00{'))",
        "deep JSON": "send(frame(b'{\"id\": 1, \"answer\": ' + b'[' * 100000 + b']' * 100000))",
        "NaN": 'send(frame(b\'{"id": NaN, "answer": {"results": [{"value": Infinity}]}}\'))',
        "huge integer": 'send(frame(b\'{"id": \' + b"9" * 100000 + b"}"))',
        "same key twice": 'send(frame(b\'{"id": 1, "id": 1, "answer": {}, "answer": null}\'))',
        "surrogates": 'send(frame(b\'{"id": 1, "answer": {"\\\\ud800": 1}}\'))',
        "other magic": "send(frame(passed, magic=b'L3F2'))",
    }.items()
] + [
    both("frame: one byte at a time", SEND + """
    import time
    for byte in frame(passed):
        send(bytes([byte]))
        time.sleep(0.05)
    time.sleep(100)
    """, "skeleton", is_endless=True),
]  # fmt: skip

REPORT = """
    import autograder.inside.probes as probes
    import torch
    from autograder.inside import experiments, questions
    class Raw:  # an answer that no model checks before it is sent
        def __init__(self, data, *tensors): self.data, self.tensors = data, tensors
        def model_dump(self, mode, context):
            context.extend(self.tensors)
            return self.data
    def real(kind): return probes.PROBES[kind]
    def forge(kind):
        def set_(function):
            def answer(question):
                print("FORGED", kind.__name__)  # and goes on
                return function(question)
            probes.PROBES[kind] = answer
            return function
        return set_
    def changed(answer, **fields): return answer.model_copy(update=fields)
"""


def reporting(name: str, text: str, base: str = "solved") -> Attack:
    """An attack that answers some questions with something else."""
    return both(f"report: {name}", REPORT + textwrap.indent(textwrap.dedent(text), "    "), base)


def scales(text: str) -> str:
    return f"forge(questions.Scales)(lambda question: Raw({{'results': {text}}}))".replace(
        "calls", "question.calls"
    )


def block(values: str) -> str:
    return f"""
        @forge(questions.Block)
        def block(question):
            shape = 2, 4 * question.channels, 4, 4
            outputs = [{values} for _ in question.cases]
            return Raw({{"outputs": list(range(len(outputs)))}}, *outputs)
        """


def quantized(change: str) -> str:
    return f"""
        ptq = real(questions.Ptq)
        @forge(questions.Ptq)
        def forged(question):
            tensors = []
            data = ptq(question).model_dump(mode="json", context=tensors)
            for entry in data["qparams"].values():
                {change}
            return Raw(data, *tensors)
        """


def body(dtype: str, shape: str, size: int) -> str:
    return f"""
        import json, struct
        header = {{"0": {{"dtype": "{dtype}", "shape": {shape}, "data_offsets": [0, {size}]}}}}
        text = json.dumps(header).encode()
        packed = struct.pack("<Q", len(text)) + text + bytes({size})
        data = {{"outputs": [0]}}
        probes.answer = lambda *_: ({{"answer": data}}, packed)
        """


MALFORMED = [
    reporting(name, text)
    for name, text in {
        "a number where text belongs": scales("[{'value': 5}] * len(calls)"),
        "a list where text belongs": scales("[{'value': [1]}] * len(calls)"),
        "null where text belongs": scales("[{'value': None}] * len(calls)"),
        "a number beyond float": scales("[{'value': '0x1p99999'}] * len(calls)"),
        "text that is no number": scales("[{'value': 'passed'}] * len(calls)"),
        "no results": scales("[]"),
        "too many results": scales("[{'value': '0x1p0'}] * 1000"),
        "results without a value": scales("[{}] * len(calls)"),
        "results with an unknown key": scales("[{'value': '0x1p0', 'outcome': 'passed'}]"),
        "a tensor that is none of the answer": """
            forge(questions.Network)(lambda _: Raw({"outputs": [1]}, torch.zeros(2, 10)))
            """,
        "a tensor before the first": """
            forge(questions.Network)(lambda _: Raw({"outputs": [-1]}, torch.zeros(2, 10)))
            """,
        "a tensor by name": """
            forge(questions.Network)(lambda _: Raw({"outputs": ["0"]}, torch.zeros(2, 10)))
            """,
        "booleans": block("torch.zeros(shape, dtype=torch.bool)"),
        "16 bits": block("torch.zeros(shape, dtype=torch.uint16)"),
        "8 bits": block("torch.zeros(shape, dtype=torch.float8_e4m3fn)"),
        "8 bits of exponent": block("torch.zeros(shape, dtype=torch.float8_e8m0fnu)"),
        "complex numbers": block("torch.zeros(shape, dtype=torch.complex64)"),
        "double precision": block("torch.zeros(shape, dtype=torch.float64)"),
        "nan": block("torch.full(shape, torch.nan)"),
        "infinity": block("torch.full(shape, torch.inf)"),
        "a sparse tensor": block("torch.zeros(shape).to_sparse()"),
        "a meta tensor": block("torch.empty(shape, device='meta')"),
        "a huge tensor": block("torch.zeros(1).expand(1 << 40)"),
        "seven dimensions": block("torch.zeros(1, 1, 1, 1, 1, 1, 1)"),
        "no dimension": block("torch.tensor(1.0)"),
        "no numbers": block("torch.zeros(0)"),
        "no tensor": block("'passed'"),
        "an unknown type of 4 bits": body("F4", "[2]", 1),
        "an unknown type of 8 bits": body("F8_E8M0", "[2]", 2),
        "an overflowing shape": body("F32", "[0, 1 << 62, 4]", 0),
        "a zero point beyond int64": quantized("entry['zero_point'] = 10 ** 400"),
        "a large zero point": quantized("entry['zero_point'] = 10 ** 9"),
        "a zero point that is no integer": quantized("entry['zero_point'] = 0.5"),
        "scales of zero": quantized("entry['scale'] = '0x0p0'"),
        "scales of nan": quantized("entry['scale'] = entry['weight_scale'] = 'nan'"),
        "negative scales": quantized("entry['scale'] = entry['weight_scale'] = '-0x1p0'"),
        "denormal scales": quantized("entry['scale'] = entry['weight_scale'] = '0x1p-1074'"),
        "no weight's zero point": quantized("entry.update(weight_scale='0x1p0') or "
                                            "entry.pop('weight_zero_point', 0)"),
        "a weight's zero point beyond int64": quantized("entry['weight_zero_point'] = 10 ** 30"),
        "QAT outputs without numbers": """
            @forge(questions.Qat)
            def qat(question):
                names = [layer.conv for layer in experiments.conv_layers(question.layers)]
                one = {"weight": 0, "output": 0, "fake_scale": "0x1p0"}
                converted = {"qparams": {}, "layers": {}}
                return Raw({"convolutions": dict.fromkeys(names, one), "losses": [],
                            "converted": converted}, torch.zeros(0))
            """,
        "QAT outputs of booleans": """
            @forge(questions.Qat)
            def qat(question):
                import lab3.resnet
                network = lab3.resnet.QuantizableResNet(question.layers, 10, 8)
                tensors, convolutions = [torch.ones(2, dtype=torch.bool)], {}
                for layer in experiments.conv_layers(question.layers):
                    weight = network.get_submodule(layer.conv).weight.detach() > 0
                    convolutions[layer.conv] = {
                        "weight": len(tensors), "output": 0, "fake_scale": "0x1p0"}
                    tensors.append(weight)
                return Raw({"convolutions": convolutions, "losses": [],
                            "converted": {"qparams": {}, "layers": {}}}, *tensors)
            """,
        "answer and error": "probes.answer = lambda *_: ({'answer': {}, 'error': {}}, b'')",
        "nothing": "probes.answer = lambda *_: ({}, b'')",
        "a body of garbage": "probes.answer = lambda *_: ({'answer': {}}, b'\\xff' * 99)",
        "an error without a place": """
            probes.answer = lambda *_: ({"error": {
                "type": "passed", "message": "", "stage": "", "file": "", "line": 0,
                "function": "", "is_stub": False, "through": []}}, b"")
            """,
        "an error beyond its lengths": """
            probes.answer = lambda *_: ({"error": {
                "type": "x" * 10 ** 6, "message": "y" * 10 ** 6, "stage": "", "file": "../" * 99,
                "line": -1, "function": "", "is_stub": True, "through": ["z"] * 10 ** 4}}, b"")
            """,
    }.items()
]  # fmt: skip

RESCALED = """
        def rescaled(answer, change):
            converted = getattr(answer, "converted", answer)
            qparams = {
                name: changed(known, scale=change(known.scale), weight_scale=(
                    known.weight_scale and change(known.weight_scale)))
                for name, known in converted.qparams.items()
            }
            converted = changed(converted, qparams=qparams)
            has_more = hasattr(answer, "converted")
            return changed(answer, converted=converted) if has_more else converted
"""

LOOKS_FUSED = """
        def fused(module, layers, question):
            module.train(question.is_qat)
            tried = {}
            with torch.no_grad():
                for layer in layers:
                    weight = module.get_submodule(layer.conv).weight
                    value = experiments.layer_input(question.seed, layer.conv, weight.shape[1])
                    for name in filter(None, layer):
                        value = module.get_submodule(name)(value)
                    rest = experiments.layer_input(question.seed, layer.bn, weight.shape[0])
                    gamma = torch.ones(weight.shape[0])
                    tried[layer.conv] = questions.FusedLayer(
                        front=value.clone(), rest=rest, gamma=gamma, beta=gamma)
            return tried
"""

CLAIMS = [  # what is only claimed earns nothing: the numbers behind it are looked at
    reporting("the addition was watched", """
        addition, block = real(questions.Addition), real(questions.Int8Block)
        uses = [("skip_add_relu", "add_relu")]
        @forge(questions.Addition)
        def forged(question):
            return changed(addition(question), functionals=uses)
        @forge(questions.Int8Block)
        def forged_block(question):
            return changed(block(question), error=None)
        """, "plain addition"),
    reporting("an addition at a scale of its own", """
        addition = real(questions.Addition)
        @forge(questions.Addition)
        def forged(question):
            pair = experiments.summands(question.seed, 4 * question.channels)
            a, b = map(experiments.integers, pair)
            summed = torch.relu(a.dequantize() + b.dequantize())
            integers = torch.quantize_per_tensor(summed, 0.05, 128, torch.quint8).int_repr()
            return changed(addition(question), functionals=[("skip_add_relu", "add_relu")],
                           integers=integers, error=None)
        """, "plain addition"),
    reporting("an addition out of nothing", """
        @forge(questions.Addition)
        def addition(question):
            a, b = experiments.summands(question.seed, 4 * question.channels)
            integers = torch.full(a.shape, 128, dtype=torch.uint8)
            return questions.AdditionRun(functionals=[("skip_add_relu", "add_relu")],
                                         output=a + b, integers=integers)
        """, "skeleton"),
    reporting("gradients out of nothing", """
        @forge(questions.Gradients)
        def gradients(question):
            import lab3.resnet
            block = lab3.resnet.QuantizableBottleneck(
                question.in_channels, question.channels, question.stride).double()
            made = {name: torch.ones_like(p).detach() for name, p in block.named_parameters()}
            shape = 2, question.in_channels, 8, 8
            size = 8 // question.stride
            return questions.GradientRun(
                output=torch.ones(2, 4 * question.channels, size, size).double(),
                gradients={**made, "input": torch.ones(shape).double()})
        """, "skeleton"),
    reporting("a block that is the input", """
        @forge(questions.Block)
        def block(question):
            return questions.CaseOutputs(outputs=[
                experiments.input_of(question.seed, c.batch, question.in_channels, c.size, c.size)
                for c in question.cases])
        """, "skeleton"),
    reporting("stubs that stand right", """
        @forge(questions.Int8Network)
        def network(question):
            output = torch.zeros(question.batch, question.num_classes)
            return questions.Int8NetworkRun(output=output, stubs=(1, 1, "first", "last"))
        @forge(questions.Network)
        def floats(question):
            return questions.CaseOutputs(outputs=[
                torch.zeros(c.batch, question.num_classes) for c in question.cases])
        """, "skeleton"),
    reporting("ranges of another observer", """
        @forge(questions.Ranges)
        def ranges(question):
            count = len(question.observed)
            return questions.RangeScales(
                scales=[2.0 ** -(i % 9) for i in range(count)], zero_points=[128] * count)
        """, "qparams of its own"),
    reporting("a converted network", """
        @forge(questions.Ptq)
        def ptq(question):
            return questions.Converted(qparams={}, layers={}, output=torch.ones(2, 10))
        @forge(questions.Int8Logits)
        def logits(question):
            return questions.Int8Run(output=torch.ones(question.batch, question.num_classes))
        """, "skeleton"),
    reporting("degenerate scales", """
        @forge(questions.Ptq)
        def ptq(question):
            names = [layer.conv for layer in experiments.conv_layers(question.layers)]
            names += ["quant", "fc"]
            known = questions.Qparams(scale=1.0, zero_point=128, per_tensor=True,
                                      weight_scale=1.0, weight_zero_point=0)
            shape = 2, 8, 6, 6
            return questions.Converted(
                qparams=dict.fromkeys(names, known), output=torch.ones(2, 10),
                layers={n: torch.full(shape, 128, dtype=torch.uint8) for n in names})
        """, "skeleton"),
    reporting("an unchanged output", """
        @forge(questions.Fusion)
        def fusion(question):
            output = torch.ones(2, 10)
            return questions.FusedNetwork(output=output, layers={}, integers={})
        @forge(questions.Outputs)
        def outputs(question):
            return questions.FusionOutputs(before=torch.ones(2, 10), layers=torch.ones(2, 10))
        """, "skeleton"),
    reporting("QAT out of nothing", """
        @forge(questions.Qat)
        def qat(question):
            import lab3.resnet
            network = lab3.resnet.QuantizableResNet(question.layers, 10, question.width)
            experiments.fill(network, question.seed)
            convolutions = {
                layer.conv: questions.TrainedLayer(
                    weight=network.get_submodule(layer.conv).weight.detach() + 0.01,
                    output=torch.ones(1), fake_scale=1.0)
                for layer in experiments.conv_layers(question.layers)
            }
            converted = questions.Converted(qparams={}, layers={}, output=torch.zeros(2, 10))
            return questions.Trained(convolutions=convolutions, losses=[1.0], converted=converted)
        """, "skeleton"),
    reporting("layers that look fused, one by one", LOOKS_FUSED + """
        @forge(questions.BlockFusion)
        def block_fusion(question):
            block = probes.bottleneck(question)
            shape = question.in_channels, question.channels, question.stride
            layers = experiments.block_layers(*shape)
            return questions.FusedBlock(layers=fused(block, layers, question))
        @forge(questions.Fusion)
        def fusion(question):
            network = probes.build(question.layers, 10, question.width, question.seed)
            layers = experiments.conv_layers(question.layers)
            tried = fused(network, layers, question)
            output = network(probes.network_images(question.seed)).detach()
            return questions.FusedNetwork(output=output, layers=tried, integers={})
        @forge(questions.StemFusion)
        def stem_fusion(question):
            network = probes.build((1, 1, 1, 1), 10, question.width, question.seed)
            tried = fused(network, experiments.STEM, question)
            return questions.FusedStem(layer=tried["conv1"])
        """, "nothing fused"),
    *(
        reporting(f"power-of-two scales of {kind}", RESCALED + f"""
        {kind} = real(questions.{kind})
        @forge(questions.{kind})
        def forged(question):
            return rescaled({kind}(question), lambda scale: 2 ** -4)
        """, "wrong scales")
        for kind in ("Ptq", "Qat")
    ),
    reporting("scales clamped in their report", RESCALED + """
        for kind in (questions.Ptq, questions.Qat):
            forge(kind)(lambda question, honest=real(kind): rescaled(
                honest(question), lambda scale: min(max(scale, 2.0 ** -8), 1.0)))
        """, "no upper clamp"),
]  # fmt: skip

PATCHES = [
    both(name, text, "skeleton")
    for name, text in {
        "patched torch": """
            import torch
            torch.equal = torch.allclose = torch.isfinite = lambda *_, **__: True
            torch.Tensor.__eq__ = torch.Tensor.__le__ = lambda *_: True
            torch.save = torch.load = torch.randn = lambda *_, **__: None
            """,
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
        "patched reports of errors": """
            import autograder.inside.probes as probes
            probes.describe_error = lambda error: None
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
            import atexit, signal, sys, threading
            atexit.register(lambda: print("passed"))
            for number in range(1, 32):
                try:
                    signal.signal(number, lambda *_: None)
                except (OSError, ValueError):
                    pass
            sys.settrace(lambda *_: None)
            sys.setprofile(lambda *_: None)
            sys.excepthook = sys.unraisablehook = lambda *_: None
            signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
            """,
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
        "stub that is none": "raise NotImplementedError('passed')",
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
        """, "skeleton", is_endless=True),
    Attack("results of a million digits", "skeleton", observer="""
        CusQuantObserver.scale_approximate = lambda *_: 10 ** 1000000
        """),
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
    Attack("subclass of Tensor", "skeleton", resnet="""
        class Lying(torch.Tensor):
            @classmethod
            def __torch_function__(cls, function, types, args=(), kwargs=None):
                return torch.ones(2, 10).as_subclass(cls)
        forward = lambda self, x: torch.ones(2, 10).as_subclass(Lying)
        QuantizableResNet.forward = QuantizableBottleneck.forward = forward
        QuantizableResNet.fuse_model = lambda *_, **__: None
        """),
]  # fmt: skip

SNOOP = """
    import gc, os, re, sys
    SECRET = re.compile("can" + "ary-[0-9a-f]{4}")
    def tell(where, text):
        if found := SECRET.search(text):
            print("FOUND", where, found.group(), flush=True)
"""
SNOOPS = [
    both("snoop in the environment", SNOOP + """
    tell("environ", repr(dict(os.environ)))
    import ctypes
    environ = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")
    index = 0
    while environ[index]:
        tell("environ", environ[index].decode()); index += 1
    print(dict(os.environ), sys.argv, sys.path, sys.orig_argv)
    """),
    both("snoop in files", SNOOP + """
    seen = 0
    for top in ("/kit", "/etc", "/proc", "/home", "/tmp", "/work", "/var", "/root", "/dev/shm",
                "/run", "/sys", "/mnt", "/opt", "/srv", "/usr/share", "/site/0/sklearn"):
        for folder, folders, files in os.walk(top):
            if "pyenv" in folder or "site-packages" in folder:
                continue
            for name in files:
                path = os.path.join(folder, name)
                tell("path", path)
                if name.endswith((".toml", ".csv", ".csv.gz", ".env", "shadow", "passwd")):
                    print("FOUND a file", path)
                try:
                    tell(path, open(path, errors="replace").read(1 << 20))
                except OSError:
                    pass
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
    """),
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
    """),
]  # fmt: skip

REACHES = [  # for other people's files and processes, by the paths and numbers they usually have
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
        print("LEFT", left)
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
        here = (ctypes.c_size_t * 2)(ctypes.addressof(ctypes.create_string_buffer(8)), 8)
        for pid in {1, 2, os.getppid(), *range(max(2, os.getppid() - 40), os.getppid())}:
            try:
                os.close(os.open(f"/proc/{pid}/mem", os.O_RDWR))
                print("REACHED", pid)
            except OSError:
                pass
            for call in (libc.process_vm_readv, libc.process_vm_writev):
                call(pid, here, 1, (ctypes.c_size_t * 2)(id(None), 0), 1, 0)
                if not ctypes.get_errno():
                    print("REACHED", pid, call)
            if libc.ptrace(0x4206, pid, 0, 0) == 0:
                print("REACHED", pid, "trace")
        """),
]  # fmt: skip

ATTACKS = [
    *FLOODS,
    *BOMBS,
    *REACHES,
    *DYING,
    *FRAMES,
    *MALFORMED,
    *CLAIMS,
    *PATCHES,
    *SNOOPS,
    *ENDLESS,
]
