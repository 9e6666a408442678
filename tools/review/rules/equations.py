"""Sums that a report prints, computed again."""

from tools.review.reading.facts import Facts
from tools.review.reading.statements import Statement
from tools.review.rules.registry import Fault, rule


@rule(
    "equation",
    "Both sides of an equation are equal.",
    wrong=["The drop is 93.80 - 93.10 = 0.90 points.", "$94.40 / 23.66 = 4.29$"],
    right=["The drop is 93.80 - 93.10 = 0.70 points, and 23.66 / 94.40 = 25.1 %."],
)
def equation(statement: Statement, facts: Facts) -> Fault | None:
    if statement.metric != "equation":
        return None
    del facts  # a sum needs none
    left = statement.place.text.partition(" = ")[0]
    return Fault(
        statement.place,
        f"{left} = {statement.relation}",
        "computed again",
        "certain",
        key=statement.place.text,
    )
