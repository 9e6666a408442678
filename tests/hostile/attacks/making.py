"""What an attack is: code that is put behind the files of a better or worse submission."""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

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
    "scales too small": edited(
        "observer.py", "return 2.0 ** -max(", "return 2.0 ** -9 * 2.0 ** -max("
    ),
    "constant scale": {
        **SKELETON,
        "observer.py": SKELETON["observer.py"]
        + b"\n\nCusQuantObserver.scale_approximate = lambda *_: 0.25\n",
    },
    "no qparams": edited(
        "observer.py", "scale = float(", "raise NotImplementedError\n        float("
    ),
    "plain addition": edited(
        "resnet.py",
        "return self.skip_add_relu.add_relu(out, identity)",
        "return torch.relu(out + identity)",
    ),
    "no shortcut": edited("resnet.py", "add_relu(out, identity)", "add_relu(out, out)"),
    "nothing fused": edited(
        "resnet.py", "fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules", "return"
    ),
}


@dataclass(frozen=True)
class Attack:
    """``resnet`` and ``observer`` come behind the files of a base; ``is_endless`` hangs.

    ``walls`` stop it: it does harm where all of these are down. ``is_flood`` is to be stopped
    before its time. The checks of ``group`` ask what it is about.
    """

    name: str
    base: str = "solved"
    resnet: str = ""
    observer: str = ""
    is_endless: bool = False
    walls: tuple[str, ...] = ()
    is_flood: bool = False
    group: str = "observer"

    @property
    def files(self) -> dict[str, bytes]:
        files = BASES[self.base]
        return {
            "resnet.py": files["resnet.py"] + code(self.resnet),
            "observer.py": files["observer.py"] + code(self.observer),
        }


def code(text: str) -> bytes:
    return ("\n\n" + textwrap.dedent(text)).encode()


def both(name: str, text: str, base: str = "solved", **more: Any) -> Attack:
    """An attack that both files make as they are imported."""
    return Attack(name, base, text, text, **more)


def behind(walls: tuple[str, ...], attacks: Iterable[Attack]) -> list[Attack]:
    """Return attacks that these walls stop, but for those that name others."""
    return [replace(attack, walls=attack.walls or walls) for attack in attacks]
