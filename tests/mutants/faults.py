"""What a fault costs: the checks that a submission with it does not pass."""

from dataclasses import dataclass, field

from autograder import catalog
from autograder.results import Outcome
from tests.mutants.edits import Change

CHECKS = [
    check
    for check in catalog.all_checks()
    if check.split(".")[0] in catalog.CODE_GROUPS and check != "ptq.full_depth"
]


@dataclass(frozen=True)
class Wrong:
    """One faulty submission: its changes, and by outcome all checks that it doesn't pass.

    ``says`` has a piece of the diagnosis of some of them, and ``waits`` which check some wait for.
    """

    changes: tuple[Change, ...]
    fails: str = ""
    crashes: str = ""
    unwritten: str = ""
    hangs: str = ""
    says: dict[str, str] = field(default_factory=dict)
    waits: dict[str, str] = field(default_factory=dict)

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """Return the expected outcome of every check that isn't passed."""
        listed: tuple[tuple[Outcome, str], ...] = (
            ("failed", self.fails),
            ("crashed", self.crashes),
            ("not_implemented", self.unwritten),
            ("timed_out", self.hangs),
        )
        return {check: outcome for outcome, checks in listed for check in names(checks)}


def names(listed: str) -> list[str]:
    """Return the names of checks, listed as ``group: name name; group: *``."""
    found = []
    for part in filter(None, listed.split("; ")):
        group, after = part.split(": ")
        own = [check for check in CHECKS if check.startswith(f"{group}.")]
        found += own if after == "*" else [f"{group}.{name}" for name in after.split()]
    return found


def wrong(*changes: Change, **expected: object) -> Wrong:
    return Wrong(changes, **expected)  # type: ignore[arg-type]


# Checks that often fail together.
SCALES = "observer: whole_power_of_two nearest_exponent lower_clamp upper_clamp max_shift_amount"
AFTER_OBSERVER = "ptq: converts power_of_two_scales zero_points per_tensor_weights; qat: *"
BLOCKS = "forward: block_without_shortcut block_with_shortcut"
BLOCK_RUNS = f"{BLOCKS} gradients functional_addition"
BLOCK_WRONG = f"{BLOCKS}; ptq: int8_logits"
ADDITION_WRONG = f"{BLOCKS} functional_addition; ptq: converts int8_logits"
ADDITION = "forward: functional_addition; ptq: converts int8_logits"
STUBS = "forward: stub_order; ptq: converts int8_logits; qat: converts"
LAYERS = "ptq: power_of_two_scales zero_points per_tensor_weights"

STUB = "raise NotImplementedError('part 0 of the handout')"
