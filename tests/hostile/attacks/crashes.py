"""Processes that end or hang, wherever student code runs."""

from dataclasses import replace

from tests.hostile.attacks.making import Attack, behind, both

STAGES = {  # where a submission's code runs, the function that runs there, and who asks for it
    "scale_approximate": ("observer", "CusQuantObserver.scale_approximate", "observer"),
    "calculate_qparams": ("observer", "CusQuantObserver.calculate_qparams", "observer"),
    "block": ("resnet", "QuantizableBottleneck.forward", "forward"),
    "network": ("resnet", "QuantizableResNet.forward", "forward"),
    "fuse_model": ("resnet", "QuantizableResNet.fuse_model", "fusion"),
}
ENDINGS = {
    "exit 0": "import os; os._exit(0)",
    "exit 1": "import os; os._exit(1)",
    "SIGKILL": "import os; os.kill(os.getpid(), 9)",
    "SIGSEGV": "import ctypes; ctypes.string_at(8)",
    "abort": "import os; os.abort()",
}
EXITS = {"sys.exit": "import sys; sys.exit(0)"}
HANGS = {
    "loop": "while True: pass",
    "sleep": "import time; time.sleep(1000)",
    "SIGSTOP": "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
}


def at_stages(endings: dict[str, str], is_endless: bool = False) -> list[Attack]:
    attacks = [both(f"{name} at import", text, "skeleton", is_endless=is_endless)
               for name, text in endings.items()]  # fmt: skip
    for name, text in endings.items():
        for stage, (file, function, group) in STAGES.items():
            body = f"def attack(*_, **__):\n    {text}\n\n{function} = attack\n"
            attack = Attack(f"{name} in {stage}", **{file: body}, is_endless=is_endless)
            attacks.append(replace(attack, group=group))
    return attacks


DYING = [
    *behind(("process",), at_stages(ENDINGS)),
    *behind(("errors", "answers"), at_stages(EXITS)),
]
ENDLESS = behind(("time",), at_stages(HANGS, is_endless=True))
