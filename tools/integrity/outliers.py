"""Somebody whose network is that of a group by the same seed, although their log says another.

Which of the group it was taken from can't be told, and none of them is to be named for it: that is
a case of one person, not of as many pairs as the group has people.
"""

from collections.abc import Iterable, Iterator, Mapping

from tools.integrity.findings import Finding, Kind
from tools.integrity.hashing import digest
from tools.integrity.people import Person

OF_SEEDS: set[Kind] = {"weights", "nearly", "curves"}  # what a group has in common honestly
LEAST = 2  # independent people: one other is a pair
SHOWN = 8  # names

Pairs = dict[frozenset[str], list[Finding]]


def outliers(
    pairs: Pairs, groups: Iterable[frozenset[str]], by_id: Mapping[str, Person]
) -> Iterator[tuple[str, list[Finding]]]:
    """Yield single people and what they have of a group; take these pairs out."""
    several = sorted(groups, key=lambda group: (-len(group), sorted(group)))
    for group in several:
        for student in sorted({one for key in pairs if key & group for one in key - group}):
            own = max((len(other) for other in several if student in other), default=1)
            keys = [key for key in pairs if student in key and key & group]
            keys = [key for key in keys if all(f.kind in OF_SEEDS for f in pairs[key])]
            others = sorted({one for key in keys for one in key & group})
            if independent(others, pairs) >= LEAST and len(group) > own:
                yield student, [*with_group(pairs, keys, [by_id[one] for one in others])]
                for key in keys:
                    del pairs[key]


def independent(students: Iterable[str], pairs: Pairs) -> int:
    """Return how many there are when those whom something else ties count as one."""
    ties = [key for key, several in pairs.items() if any(f.kind not in OF_SEEDS for f in several)]
    units = [{student} for student in students]
    for key in ties:
        touched = [unit for unit in units if unit & key]
        if len(touched) > 1:
            units = [unit for unit in units if not unit & key] + [set().union(*touched)]
    return len(units)


def with_group(
    pairs: Pairs, keys: Iterable[frozenset[str]], others: list[Person]
) -> Iterator[Finding]:
    """Yield what a student has of a group: of each kind what one of the group has, and who does."""
    names = ", ".join(person.name for person in others[:SHOWN])
    more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    first = min(keys, key=sorted)
    for one in sorted(pairs[first], key=lambda finding: finding.rank):
        said = f"{one.said}, as {len(others)} others have, who share a seed"
        details = (*one.details, f"the others: {names}{more}")
        yield Finding(one.kind, one.level, said, digest(one.kind, one.value), details)
