"""The attacks as data, by kind."""

from tests.hostile.attacks.answers import GRIDS, MALFORMED, ODD, ONLY_WRONG, UNPACKABLE
from tests.hostile.attacks.bombs import BOMBS
from tests.hostile.attacks.claims import CLAIMS
from tests.hostile.attacks.crashes import DYING, ENDLESS
from tests.hostile.attacks.floods import FLOODS
from tests.hostile.attacks.frames import FRAMES
from tests.hostile.attacks.patches import ODD_ERRORS, ONLY_ANSWERS, PATCHES
from tests.hostile.attacks.reaches import REACHES, SNOOPS

ATTACKS = [
    *FLOODS,
    *BOMBS,
    *REACHES,
    *DYING,
    *FRAMES,
    *MALFORMED,
    *UNPACKABLE,
    *ODD,
    *GRIDS,
    *ONLY_WRONG,
    *CLAIMS,
    *PATCHES,
    *ODD_ERRORS,
    *ONLY_ANSWERS,
    *SNOOPS,
    *ENDLESS,
]
