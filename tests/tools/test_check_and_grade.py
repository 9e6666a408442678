"""``lab3 check``, ``lab3 grade`` and ``lab3 explain`` as their users run them."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from autograder.catalog import CHECKS, CODE_GROUPS, all_checks
from autograder.host import contents
from autograder.host.sandbox import Sandbox
from autograder.results import Grade
from tests.conftest import ROOT, SOLVED, Command, change
from tests.making.grading import KEY, RUBRIC, grade_code
from tools.course.pack import pack

CODE_CHECKS = [name for name in all_checks() if name.split(".")[0] in CODE_GROUPS]


def grade_of(folder: Path) -> Grade:
    return Grade.model_validate_json((folder / "grade.json").read_bytes())


def test_the_untouched_assignment_gets_nothing_and_is_told_why(
    lab3: Command, tmp_path: Path
) -> None:
    done = lab3("grade", ROOT / "assignment", "--out", "skeleton")
    assert "0 of 100 points" in done.stdout
    grade = grade_of(tmp_path / "skeleton")
    assert grade.earned == 0
    outcomes = {result.check: result.outcome for result in grade.results}
    assert set(outcomes.values()) == {"not_implemented"}
    for result in grade.results:
        if result.group in ("runs", "accuracy"):
            assert result.waits_for == "forward.block_without_shortcut"


def test_a_submission_is_graded_into_every_format(lab3: Command, tmp_path: Path) -> None:
    import jsonschema  # only here: its formats take seconds

    name = "=cmd|' /C calc'!A0 <script>alert(1)</script>"
    archive = tmp_path / f"{name.replace('/', '_')}.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file, content in SOLVED.items():
            packed.writestr(f"lab3/{file}", content)
    done = lab3("grade", archive, "--out", "out", "--json")
    grade = Grade.model_validate_json(done.stdout)
    assert grade == grade_of(tmp_path / "out")
    assert all(r.outcome == "passed" for r in grade.results if r.check in CODE_CHECKS)
    schema = json.loads(lab3("grade", "--schema").stdout)
    jsonschema.validate(json.loads((tmp_path / "out" / "grade.json").read_text()), schema)
    page = (tmp_path / "out" / "feedback.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert round(sum(test["score"] for test in results["tests"]), 2) == grade.earned
    suite = ElementTree.parse(tmp_path / "out" / "junit.xml").getroot()
    assert len(list(suite.iter("testcase"))) == len(grade.results)

    shown = lab3("explain", "out", "-k", "lower_clamp").stdout
    assert f"seed {grade.seed}" in shown
    assert shown.count("PASSED") == 2
    assert "holds   scale_approximate(1e-06)" in shown
    assert "no check" in lab3("explain", "out", "-k", "nothing", fails=1).stderr


@pytest.mark.slow
def test_a_regrade_is_identical(lab3: Command, student: Path, tmp_path: Path) -> None:
    change(student / "lab3" / "observer.py", "shift = round(", "shift = math.floor(")
    keyed = tmp_path / "keyed.toml"
    keyed.write_text(RUBRIC.path.read_text().replace('key = ""', f'key = "{KEY}"'))
    grades = []
    for out in ("a", "b"):
        lab3("grade", student, "--out", out, "--rubric", keyed)
        made = json.loads((tmp_path / out / "grade.json").read_text())
        for result in made["results"]:
            result["seconds"] = 0
        assert made["resources"].keys() == {"cpu_s", "peak_memory_bytes", "output_bytes"}
        grades.append(made | {"seconds": 0, "resources": {}})
    assert grades[0] == grades[1]
    failed = {r["check"] for r in grades[0]["results"] if r["outcome"] == "failed"}
    assert failed & set(CODE_CHECKS) == {"observer.nearest_exponent"}


def test_grading_lists_no_folder_above_its_checks(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[Path] = []
    real = os.scandir

    def scandir(path: str | Path = ".") -> object:
        listed.append(Path(path))
        return real(path)

    contents.sources_sha256()  # reads all of our sources, once a process
    monkeypatch.setattr(os, "scandir", scandir)
    grade_code(sandbox, SOLVED)
    temporary = Path(tempfile.gettempdir())  # is listed for what is left of killed graders
    above = {*CHECKS.parents} - {temporary, *temporary.parents}
    assert not [path for path in listed if path in above]


def test_hidden_checks_tell_students_no_more_than_the_rubric_allows(
    lab3: Command, student: Path, tmp_path: Path
) -> None:
    change(student / "lab3" / "observer.py", "shift = round(", "shift = math.floor(")
    lab3("grade", student, "--out", "out")
    (hidden,) = [
        r
        for r in grade_of(tmp_path / "out").results
        if r.visibility == "hidden" and r.outcome == "failed" and r.check in CODE_CHECKS
    ]
    inputs = [re.escape(o.question) for o in hidden.observations if not o.holds]
    assert inputs
    for name in ("feedback.html", "junit.xml", "results.json"):
        text = (tmp_path / "out" / name).read_text()
        assert hidden.claim.split(":")[0] in text
        assert not re.search("|".join(inputs), text)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["grade"], "name a submission"),
        (["grade", "nowhere.zip"], "nowhere.zip can't be read"),
        (["grade", str(ROOT / "assignment"), "--walls", "paper"], "'paper': choose namespaces"),
        (["grade", str(ROOT / "assignment"), "--rubric", "none.toml"], "none.toml can't be read"),
        (["explain", "nowhere"], "lab3 grade writes it"),
        (["check", "--code", "nowhere"], "no nowhere/lab3"),
        (["check", "--code", str(ROOT / "assignment"), "-k", "clam-p"], "choose from forward."),
    ],
)
def test_a_users_mistake_is_named(lab3: Command, arguments: list[str], text: str) -> None:
    done = lab3(*arguments, fails=1)
    assert text in done.stderr
    assert done.stdout == ""


@pytest.mark.long
def test_check_shows_one_screen_and_its_exit_code_tells(lab3: Command, student: Path) -> None:
    good = lab3("check", cwd=student)
    assert "54 of 54 points; all checks passed" in good.stdout
    change(student / "lab3" / "observer.py", "shift = round(", "shift = round(4 *")
    change(
        student / "lab3" / "observer.py", "(4 *-math.log2(scale))", "(-4 * math.log2(scale)) / 4"
    )
    bad = lab3("check", "-k", "whole_power_of_two", "--html", "page.html", cwd=student, fails=1)
    assert "FAILED  The result is a whole power of two" in bad.stdout
    assert "expected   0.25                  2**-2\n" in bad.stdout
    assert "got        0.29730177875068026   2**-1.75\n" in bad.stdout
    assert "Your exponents are multiples of 1/4" in bad.stdout
    assert re.search(r"where   lab3/observer.py:\d+  CusQuantObserver.scale_approx", bad.stdout)
    assert "again   lab3 check -k whole_power_of_two" in bad.stdout
    assert "multiples of 1/4" in (student / "page.html").read_text()
    told = lab3("check", "-k", "whole_power_of_two", "--json", cwd=student, fails=1)
    grade = Grade.model_validate_json(told.stdout)
    assert [r.outcome for r in grade.results] == ["passed", "failed"]
    assert {r.visibility for r in grade.results} == {"public"}


def let_interrupts_through() -> None:
    """Undo what a shell does to jobs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_watch_checks_again_when_a_file_is_saved(student: Path) -> None:
    lab3 = [sys.executable, "-W", "ignore", "-m", "tools"]
    with subprocess.Popen(
        [*lab3, "check", "--watch", "-k", "lower_clamp"],
        cwd=student,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=let_interrupts_through,
    ) as process:
        try:
            assert process.stderr
            assert "watching" in process.stderr.readline()
            change(student / "lab3" / "observer.py", "min(shift, max_shift_amount)", "shift")
            assert "watching" in process.stderr.readline()
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            shown, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 1
    assert shown.index("2 of 2 points") < shown.index("1 of 2 points")


def test_packing_twice_gives_the_same_archive(tmp_path: Path) -> None:
    (tmp_path / "runs" / "a").mkdir(parents=True)
    for name in ("run.jsonl", "model.pt"):
        (tmp_path / "runs" / "a" / name).write_text(name)
    (tmp_path / "report.md").write_text("report")
    for name in ("one.zip", "two.zip"):
        pack(ROOT / "solution", tmp_path / "runs", ["a"], tmp_path / "report.md", tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as packed:
        assert set(packed.namelist()) == {
            "lab3/resnet.py",
            "lab3/observer.py",
            "runs/a/run.jsonl",
            "runs/a/model.pt",
            "report.md",
        }


def test_what_an_lms_gives_of_a_class_is_no_submission(lab3: Command, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as file:
        file.writestr("Ada Lovelace_657693_assignsubmission_file_lab3.zip", b"")
    said = lab3("grade", "all.zip", cwd=tmp_path).stderr
    assert "is this what an LMS gives of a class? lab3 collect takes that" in said
