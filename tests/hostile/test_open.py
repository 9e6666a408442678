"""Each attack does harm where the walls that stop it are down: it is they that stop it.

Without its walls an attack is made on a grader that is thrown away. There, the files that it is put
behind do no harm by themselves, so the harm is the attack's.
"""

from typing import Any

import pytest

from tests.hostile.attacks import ATTACKS
from tests.hostile.attacks.answers import ONLY_WRONG
from tests.hostile.attacks.making import Attack
from tests.hostile.attacks.patches import ONLY_ANSWERS
from tests.hostile.conftest import SECRET
from tests.hostile.harms import harms_of
from tests.making import open_walls, switches
from tests.making.alarms import no_longer_than
from tests.making.open_graders import OpenGrader

QUICK = {  # an attack on each wall
    "fork bomb", "the solution borrowed from the kit", "memory bomb of mappings",
    "snoop in the environment", "exit 0 at import", "SIGSTOP at import", "flood of stdout",
    "output closed", "binary output", "escape sequences", "recursion", "report: nan",
    "report: a weight's large zero point", "report: ranges of another observer",
    "report: layers that look fused, one by one",
}  # fmt: skip
ATTACKED_ELSEWHERE = {"privileges", "data only"}  # siblings and checkpoints


def each_with_walls() -> list[Any]:
    """Return the attacks that walls stop; all but some of each kind are marked slow."""
    return [
        pytest.param(attack, id=attack.name, marks=[] if attack.name in QUICK else pytest.mark.slow)
        for attack in ATTACKS
        if attack.walls
    ]


@pytest.mark.parametrize("attack", each_with_walls())
def test_an_attack_does_harm_without_its_walls(attack: Attack, open_grader: OpenGrader) -> None:
    with no_longer_than(120):
        canary = open_grader.writable
        harms, _ = harms_of(attack, open_grader, canary, SECRET, attack.walls)
    assert harms


def test_every_wall_is_attacked() -> None:
    """In the quick part of the suite, too."""
    walls = {*switches.SWITCHES, *open_walls.SWITCHES} - ATTACKED_ELSEWHERE
    assert {wall for attack in ATTACKS for wall in attack.walls} == walls
    assert {wall for attack in ATTACKS if attack.name in QUICK for wall in attack.walls} == walls


def test_every_attack_names_its_walls() -> None:
    """But for those that are answers, or stubs, and get what these get."""
    assert [attack for attack in ATTACKS if not attack.walls] == [*ONLY_WRONG, *ONLY_ANSWERS]
