"""Where a grade and the contract differ: faults that cost nothing, and points lost without one."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

from autograder import catalog
from autograder.results import Grade, Observation
from tests.mutation.judges import Verdict
from tests.mutation.oracle.bullets import (
    ADD,
    BLOCK,
    BULLETS,
    FUSE_BLOCK,
    FUSE_NETWORK,
    NETWORK,
    QPARAMS,
    SCALE,
)

# Where a bullet's fault has to cost points: in one of these checks where ``judging`` has one, else
# in one of these groups, by a check that the fault explains.
CHECKS_OF = {
    "scale.power": ("observer.whole_power_of_two",),
    "scale.nearest": ("observer.nearest_exponent",),
    "scale.lower": ("observer.lower_clamp",),
    "scale.upper": ("observer.upper_clamp",),
    "scale.limit": ("observer.max_shift_amount",),
    "scale.finite": ("observer.finite_and_positive",),
    "qparams.range": ("observer.symmetric_range",),
}
GROUPS_OF = {
    "scale": ("observer",),
    "qparams": ("observer", "ptq"),
    "block": ("forward",),
    "add": ("forward",),
    "network": ("forward",),
    "fuse_block": ("fusion",),
    "fuse_network": ("fusion",),
    "ptq": catalog.CODE_GROUPS[:4],
    "qat": catalog.CODE_GROUPS,
}
# What INT8 alone shows may also cost the points of quantization.
ALSO = {"block.int8": ("ptq",), "network.int8": ("ptq",), "add.int8": ("ptq",)}

# Which faults excuse that a check fails: by its name where that is clear, else by the function
# that it is about, else by its group. A name ends with a dot where it stands for all behind it.
BY_CHECK = {
    "observer.whole_power_of_two": ("scale.power", "scale.clamped"),
    "observer.nearest_exponent": ("scale.nearest", "scale.power", "scale.clamped", "scale.coarse"),
    "observer.lower_clamp": ("scale.lower", "scale.clamped"),
    "observer.upper_clamp": ("scale.upper", "scale.clamped"),
    "observer.max_shift_amount": ("scale.limit", "scale.clamped"),
    "observer.finite_and_positive": ("scale.finite",),
    "observer.symmetric_range": ("qparams.",),
    "forward.block_without_shortcut": ("block.plain", "block.plain_training", "add."),
    "forward.block_with_shortcut": ("block.shortcut", "block.shortcut_training", "add."),
    "forward.stub_order": ("network.int8", "network.stubs", "ptq.ranges"),
    "forward.network_logits": ("network.logits", "network.training"),
    "fusion.stem": ("fuse_network.runs", "fuse_network.stem", "fuse_network.kind"),
    "fusion.stem_for_qat": (
        "fuse_network.runs",
        "fuse_network.stem",
        "fuse_network.kind",
        "fuse_network.mode",
    ),
    "fusion.shortcuts": ("fuse_block.runs", "fuse_block.shortcut", "fuse_block.kind"),
}
BY_FUNCTION = {
    ("observer", SCALE): ("scale.",),
    ("observer", QPARAMS): ("qparams.",),
    ("forward", BLOCK): ("block.", "add."),
    ("forward", ADD): ("add.",),
    ("forward", NETWORK): ("network.",),
    ("fusion", FUSE_BLOCK): ("fuse_block.",),
    ("fusion", FUSE_NETWORK): ("fuse_network.", "fuse_block."),
}
# Whether a scale leaves its limits in a network, or rounds all weights of a layer to zero and so
# lets no gradient through, depends on the network.
SCALES = ("scale.power", "scale.lower", "scale.upper", "scale.coarse")
FORWARD_AND_FUSION = ("block.", "add.", "network.", "fuse_block.", "fuse_network.")
BY_GROUP = {
    "observer": ("scale.", "qparams."),
    "forward": ("block.", "add.", "network."),
    "fusion": ("fuse_block.", "fuse_network."),
    "ptq": ("ptq.", "qparams.", *SCALES, *FORWARD_AND_FUSION),
    "qat": ("qat.", "ptq.converts", "qparams.", *SCALES, *FORWARD_AND_FUSION),
}
CONSTANT = "scale.varies"  # a function that ignores its input keeps no promise


@dataclass(frozen=True)
class Disagreement:
    """One difference: its kind, and the bullet or check that it is about.

    A fault is ``missed``. A lost point is ``undeserved``, or ``misplaced`` where the fault is one
    of the same group, but another function's or another check's.
    """

    kind: str
    what: str
    text: str

    @property
    def key(self) -> str:
        return f"{self.kind}: {self.what}"


def compare(verdicts: Mapping[str, Verdict], grade: Grade) -> list[Disagreement]:
    """Return every difference between the oracle's verdicts and a grade."""
    faults = {name for name, verdict in verdicts.items() if verdict.is_fault}
    crashed = {name for name in faults if verdicts[name].state == "crashed"}
    lost: dict[str, str] = {}
    waiting: set[str] = set()
    differences = []
    for result in grade.results:
        if result.outcome == "grader_error":
            what = f"{result.check}: {result.said}"
            differences.append(Disagreement("grader error", result.check, what))
        elif result.earned < result.points:
            text = f"{result.visibility} {result.outcome}: {first_fault(result.observations)}"
            lost.setdefault(result.check, f"{text} {result.said}".strip())
            if result.waits_for and not result.observations:
                waiting.add(result.check)  # for one that is judged here as well
    for name in faults:
        if not is_charged(name, set(lost)):
            what = f"{BULLETS[name].says} {verdicts[name].state}: {verdicts[name].fault}"
            differences.append(Disagreement("missed", name, what))
    for check, text in lost.items():
        if check not in waiting and not is_excused(check, faults, crashed):
            is_near = explains(BY_GROUP[check.split(".")[0]], faults)
            differences.append(Disagreement("misplaced" if is_near else "undeserved", check, text))
    return sorted(differences, key=lambda difference: difference.key)


def first_fault(observations: tuple[Observation, ...]) -> str:
    for seen in observations:
        if not seen.holds:
            return f"{seen.question}: {seen.expected} expected, {seen.got}"
    return ""


def is_charged(name: str, lost: set[str]) -> bool:
    """Tell whether a bullet's fault costs points where it should, by a check that is about it."""
    if checks := set(CHECKS_OF.get(name, ())) & set(catalog.all_checks()):
        return bool(checks & lost)
    groups = GROUPS_OF[name.split(".")[0]]
    own = {check for check in lost if check.split(".")[0] in groups}
    also = {check for check in lost if check.split(".")[0] in ALSO.get(name, ())}
    is_whole = name.split(".")[0] in ("ptq", "qat")
    return bool(also) or any(is_whole or is_excused(check, {name}) for check in own)


def is_excused(check: str, faults: set[str], crashed: Set[str] = frozenset()) -> bool:
    """Tell whether one of these faults explains that a check fails.

    Where a function crashes, none of the checks that are about it can be passed.
    """
    group = check.split(".")[0]
    if group == "observer" and CONSTANT in faults:
        return True
    by_function = BY_FUNCTION.get((group, function_of(check)), BY_GROUP[group])
    return explains(BY_CHECK.get(check, by_function), faults) or explains(by_function, crashed)


def explains(excuses: tuple[str, ...], faults: Set[str]) -> bool:
    return any(
        fault == excuse or (excuse.endswith(".") and fault.startswith(excuse))
        for fault in faults
        for excuse in excuses
    )


def function_of(check: str) -> str:
    """Return the student's function that a check is about."""
    return catalog.about(check).function
