"""Answers in a right frame that are malformed, or odd."""

import textwrap

from tests.hostile.attacks.making import Attack, behind, both

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


ASKED_BY = {
    "questions.Ptq": "ptq", "questions.Qat": "qat", "questions.Fusion": "fusion",
    "questions.Block": "forward", "questions.Network": "forward", "questions.Addition": "forward",
    "questions.Gradients": "forward",
}  # fmt: skip


def reporting(name: str, text: str, base: str = "solved", walls: tuple[str, ...] = ()) -> Attack:
    """An attack that answers some questions with something else."""
    group = next((group for kind, group in ASKED_BY.items() if kind in text), "observer")
    text = REPORT + textwrap.indent(textwrap.dedent(text), "    ")
    return both(f"report: {name}", text, base, walls=walls, group=group)


def answering(texts: dict[str, str], base: str = "solved") -> list[Attack]:
    return [reporting(name, text, base) for name, text in texts.items()]


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


MALFORMED = behind(("answers",), answering({
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
    "seven dimensions": block("torch.zeros(1, 1, 1, 1, 1, 1, 1)"),
    "an unknown type of 4 bits": body("F4", "[2]", 1),
    "an unknown type of 8 bits": body("F8_E8M0", "[2]", 2),
    "an overflowing shape": body("F32", "[0, 1 << 62, 4]", 0),
    "a zero point beyond int64": quantized("entry['zero_point'] = 10 ** 400"),
    "a zero point that is no integer": quantized("entry['zero_point'] = 0.5"),
    "a weight's zero point beyond int64": quantized("entry['weight_zero_point'] = 10 ** 30"),
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
    "an error beyond its lengths": """
        probes.answer = lambda *_: ({"error": {
            "type": "x" * 10 ** 6, "message": "y" * 10 ** 6, "stage": "", "file": "../" * 99,
            "line": -1, "function": "", "is_stub": True, "through": ["z"] * 10 ** 4}}, b"")
        """,
}))  # fmt: skip
# What can't be packed is raised where it is packed.
UNPACKABLE = behind(("errors", "answers"), answering({
    "a sparse tensor": block("torch.zeros(shape).to_sparse()"),
    "a meta tensor": block("torch.empty(shape, device='meta')"),
    "a huge tensor": block("torch.zeros(1).expand(1 << 40)"),
    "no tensor": block("'passed'"),
}))  # fmt: skip
# These are answers, of numbers that are not the expected ones.
ODD = behind(("reference",), answering({
    "double precision": block("torch.zeros(shape, dtype=torch.float64)"),
    "nan": block("torch.full(shape, torch.nan)"),
    "infinity": block("torch.full(shape, torch.inf)"),
    "no dimension": block("torch.tensor(1.0)"),
    "no numbers": block("torch.zeros(0)"),
}, "skeleton"))  # fmt: skip
GRIDS = behind(("grids",), answering({
    "a weight's large zero point": quantized("entry['weight_zero_point'] = 1000"),
}))  # fmt: skip
# These cost their own points, whichever walls stand.
ONLY_WRONG = answering({
    "QAT outputs without numbers": """
        @forge(questions.Qat)
        def qat(question):
            names = [layer.conv for layer in experiments.conv_layers(question.layers)]
            one = {"weight": 0, "output": 0, "fake_scale": "0x1p0"}
            converted = {"qparams": {}, "layers": {}}
            return Raw({"convolutions": dict.fromkeys(names, one), "losses": [],
                        "converted": converted}, torch.zeros(0))
        """,
    "an error without a place": """
        probes.answer = lambda *_: ({"error": {
            "type": "passed", "message": "", "stage": "", "file": "", "line": 0,
            "function": "", "is_stub": False, "through": []}}, b"")
        """,
    "a large zero point": quantized("entry['zero_point'] = 10 ** 9"),
    "scales of zero": quantized("entry['scale'] = '0x0p0'"),
    "scales of nan": quantized("entry['scale'] = entry['weight_scale'] = 'nan'"),
    "negative scales": quantized("entry['scale'] = entry['weight_scale'] = '-0x1p0'"),
    "denormal scales": quantized("entry['scale'] = entry['weight_scale'] = '0x1p-1074'"),
    "no weight's zero point": quantized("entry.update(weight_scale='0x1p0') or "
                                        "entry.pop('weight_zero_point', 0)"),
})  # fmt: skip
