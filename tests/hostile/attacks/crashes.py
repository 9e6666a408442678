"""Processes that end or hang, wherever student code runs."""

from tests.hostile.attacks.making import Attack, both

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
