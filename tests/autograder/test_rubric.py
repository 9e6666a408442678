"""The rubric: every check has points, and a mistake in the file is named with its line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from autograder.catalog import all_checks, claim_of
from autograder.rubric import RUBRIC, RubricError, line_of, load
from tests.conftest import ROOT

TEXT = RUBRIC.read_text()
KNOWN = list(all_checks())


def changed(tmp_path: Path, old: str, new: str) -> Path:
    assert TEXT.count(old) == 1, old
    path = tmp_path / "rubric.toml"
    path.write_text(TEXT.replace(old, new))
    return path


def line(old: str) -> int:
    """The line of the original text that holds this."""
    (number,) = [n for n, text in enumerate(TEXT.splitlines(), 1) if old in text]
    return number


def test_the_rubric_of_the_kit_gives_each_check_points_that_add_up() -> None:
    rubric = load(RUBRIC, KNOWN)
    assert {entry.check for entry in rubric.entries} == set(KNOWN)
    assert sum(entry.points for entry in rubric.entries) == rubric.document.total == 100
    assert {"public", "hidden"} == {entry.visibility for entry in rubric.entries}


@pytest.mark.parametrize(
    ("old", "new", "at", "text"),
    [
        ("stem = { public = 1 }", "stem = { public = 2 }", "total = 100", "add up to 101"),
        ("stem = { public = 1 }\n", "", "[checks.fusion]", "'fusion.stem' has no points"),
        ("stem = {", "stalk = {", "stem = {", "there is no check 'fusion.stalk'"),
        ("[checks.qat]", "[checks.quat]", None, "there is no check 'quat."),
        ("stem = { public = 1 }", "stem = { secret = 1 }", "stem = {", "'hidden'"),
        ("stem = { public = 1 }", "stem = { public = 0 }", "stem = {", "greater than 0"),
        ("stem = { public = 1 }", "stem = { public = 'two' }", "stem = {", "valid number"),
        ("probe_s = 20", "probe_s = -1", "probe_s = 20", "greater than 0, got -1"),
        ("cpu_s = 180\n", "", "[limits]", "Field required"),
        (
            'before_deadline = "claim"',
            'before_deadline = "all"',
            'before_deadline = "claim"',
            "'claim'",
        ),
        ("unverified = 0.0", "unverified = 2", "unverified = 0.0", "less than or equal to 1"),
        ("{ at = 0.88, share = 0.5 }", "{ at = 0, share = 0.5 }", "fp32 = [{ at = 0.93", "of 0 is"),
        ("total = 100", "total = 100\ntotals = 3", None, "Extra inputs are not permitted"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, at: str | None, text: str
) -> None:
    path = changed(tmp_path, old, new)
    with pytest.raises(RubricError) as raised:
        load(path, KNOWN)
    assert text in str(raised.value)
    assert str(raised.value).startswith(f"{path}:")
    if at:
        assert str(raised.value).startswith(f"{path}:{line(at)}: ")


def test_a_file_that_is_no_rubric_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rubric.toml"
    with pytest.raises(RubricError, match="No such file"):
        load(path, KNOWN)
    path.write_text("total = = 1")
    with pytest.raises(RubricError, match=r"not TOML: .*line 1"):
        load(path, KNOWN)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RubricError, match="not UTF-8"):
        load(path, KNOWN)


def test_a_check_that_the_kit_gains_needs_points() -> None:
    with pytest.raises(RubricError, match=r"'fusion.new' has no points: add .* new = "):
        load(RUBRIC, [*KNOWN, "fusion.new"])


def test_the_deadline_changes_what_is_told() -> None:
    now = datetime.now(UTC)
    policy = load(RUBRIC, KNOWN).document.hidden
    assert policy.at(now) == "claim"
    later = policy.model_copy(update={"deadline": now + timedelta(hours=1)})
    assert later.at(now) == "claim"
    assert later.at(now + timedelta(hours=2)) == "everything"


def test_lines_are_found_in_tables_and_inline() -> None:
    text = "a = 1\n[t]\nb = 2\n[t.u]\nc = {x = 1}\n"
    assert line_of(text, ("a",)) == 1
    assert line_of(text, ("t", "b")) == 3
    assert line_of(text, ("t", "u", "c", "x")) == 5
    assert line_of(text, ("t", "missing")) == 2
    assert line_of(text, ("nowhere",)) == 1


def test_each_bullet_of_the_contract_is_a_claim() -> None:
    """Word for word, as far as a bullet is one claim; some are split over several checks."""
    claims = " ".join(claim_of(check) for check in all_checks().values())
    split = {
        "S stays within 0 and max_shift_amount.": "S stays within 0 and max_shift_amount:",
        "quant comes first and dequant last: between them a converted network computes on "
        "integers.": "quant comes first and dequant last:",
        "The two meet in self.add_relu(out, identity).": "meet in self.add_relu(out, identity):",
        "The addition and its ReLU are one operation of self.skip_add_relu: a plain + has no "
        "observer, so it can't be quantized.": "one operation of self.skip_add_relu",
    }
    bullets: list[str] = []
    for name in ("resnet.py", "observer.py"):
        is_inside = False
        for text in (ROOT / "assignment" / "lab3" / name).read_text().splitlines():
            words = text.replace("``", "").split()
            if words[:1] == ["-"]:
                bullets.append(" ".join(words[1:]))
            elif is_inside and words and text.startswith(" " * 10):
                bullets[-1] += " " + " ".join(words)
            is_inside = words[:1] == ["-"] or (is_inside and text.startswith(" " * 10))
    assert len(bullets) >= 14
    for bullet in bullets:
        assert split.get(bullet, bullet) in claims, bullet
