"""The plan of a sweep: what a file may say, and which runs it becomes."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab3.log.records import Hyperparameters
from tests.conftest import SOLUTION, Command
from tools.running.sweeping import read_plan, settings
from tools.shared.console import UserError

BASE = Hyperparameters(epochs=2)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return tmp_path / "plan.toml"


def test_a_plan_holds_a_base_and_what_varies(plan: Path) -> None:
    plan.write_text(
        '[base]\ndataset = "digits"\narch = "resnet14"\nwidth = 8\nepochs = 5\n'
        "[vary]\nlabel_smoothing = [0, 0.1]\nseed = [1, 2, 3]\n"
    )
    assert read_plan(plan) == (
        {"dataset": "digits", "arch": "resnet14", "width": 8, "epochs": 5},
        {"label_smoothing": [0, 0.1], "seed": [1, 2, 3]},
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ({}, {})),
        ("[base]\nepochs = 3\n", ({"epochs": 3}, {})),
        ("[vary]\nepochs = [3]\n", ({}, {"epochs": [3]})),
    ],
)
def test_both_tables_may_be_left_out(plan: Path, text: str, expected: Any) -> None:
    plan.write_text(text)
    assert read_plan(plan) == expected


@pytest.mark.parametrize("field", Hyperparameters.model_fields)
def test_every_hyperparameter_can_be_set_and_varied(plan: Path, field: str) -> None:
    plan.write_text(f"[base]\n{field} = 1\n[vary]\n{field} = [1, 2]\n")
    assert read_plan(plan) == ({field: 1}, {field: [1, 2]})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[base]\nepoch = 3\n", "'epoch' is unknown"),
        ("[base]\nlearning-rate = 0.1\n", "'learning-rate' is unknown"),
        ("[vary]\nlr = [0.1]\n", "'lr' is unknown"),
        ('[vary]\ndataset = ["digits"]\n', "'dataset' is unknown"),
        ("[vary]\nwidth = [8, 16]\n", "'width' is unknown"),
        ("[grid]\nepochs = [1]\n", "'grid' is unknown"),
        ("epochs = 3\n", "'epochs' is unknown"),
        ("[vary]\nepochs = 3\n", "vary.epochs must be a list of values, got 3"),
        ("[vary]\nepochs = []\n", "vary.epochs must be a list of values, got []"),
        ('[vary]\noptimizer = "sgd"\n', "vary.optimizer must be a list of values, got 'sgd'"),
        ("base = 3\n", "base"),
        ("vary = 3\n", "vary"),
        ("[[vary]]\nepochs = [1]\n", "vary"),
        ("vary = []\n", "vary"),
    ],
)
def test_a_plan_that_is_not_right_is_refused_by_file_and_key(
    plan: Path, text: str, named: str
) -> None:
    plan.write_text(text)
    with pytest.raises(UserError, match=re.escape(named)) as caught:
        read_plan(plan)
    assert str(caught.value).startswith(f"{plan}: ")


@pytest.mark.parametrize(
    ("key", "value"), [("dataset", '"mnist"'), ("arch", '"resnet18"'), ("width", "-4")]
)
def test_a_network_or_data_set_that_does_not_exist_is_refused_by_file_and_key(
    plan: Path, key: str, value: str
) -> None:
    plan.write_text(f"[base]\n{key} = {value}\n")
    with pytest.raises(UserError, match=key) as caught:
        read_plan(plan)
    assert str(caught.value).startswith(f"{plan}: ")
    assert value.strip('"') in str(caught.value)


def test_an_unknown_key_is_answered_with_the_known_ones(plan: Path) -> None:
    plan.write_text("[vary]\nlr = [0.1]\n")
    with pytest.raises(UserError) as caught:
        read_plan(plan)
    for field in ("dataset", "arch", "width", *Hyperparameters.model_fields):
        assert field in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"[vary\n", b"[vary]\nepochs = [1,\n", b"[base]\nseed = 1\nseed = 2\n", b"# caf\xe9\n"],
    ids=["no bracket", "no end of list", "a key twice", "not UTF-8"],
)
def test_a_file_that_is_not_toml_is_named(plan: Path, content: bytes) -> None:
    plan.write_bytes(content)
    with pytest.raises(UserError, match="is not TOML") as caught:
        read_plan(plan)
    assert str(plan) in str(caught.value)


def test_a_plan_that_does_not_exist_is_named(plan: Path) -> None:
    for path in (plan, plan.parent):
        with pytest.raises(UserError, match="can't be read") as caught:
            read_plan(path)
        assert str(path) in str(caught.value)


VARY = {"epochs": [3, 6, 9], "label_smoothing": [0, 0.1], "optimizer": ["sgd", "adamw"]}


def test_nothing_but_one_value_differs_from_the_base() -> None:
    runs = settings(BASE, VARY, grid=False)
    assert [*runs] == ["base", "epochs=6", "epochs=9", "label-smoothing=0.1", "optimizer=adamw"]
    base = BASE.model_copy(update={"epochs": 3, "label_smoothing": 0.0})
    assert runs == {
        "base": base,
        "epochs=6": base.model_copy(update={"epochs": 6}),
        "epochs=9": base.model_copy(update={"epochs": 9}),
        "label-smoothing=0.1": base.model_copy(update={"label_smoothing": 0.1}),
        "optimizer=adamw": base.model_copy(update={"optimizer": "adamw"}),
    }


def test_a_grid_holds_every_combination_with_the_base_first() -> None:
    vary = {"epochs": [3, 6], "label_smoothing": [0, 0.1]}
    base = BASE.model_copy(update={"epochs": 3, "label_smoothing": 0.0})
    runs = settings(BASE, vary, grid=True)
    assert [*runs] == ["base", "label-smoothing=0.1", "epochs=6", "epochs=6,label-smoothing=0.1"]
    assert runs["base"] == base
    both = {"epochs": 6, "label_smoothing": 0.1}
    assert runs["epochs=6,label-smoothing=0.1"] == base.model_copy(update=both)


@given(
    st.dictionaries(
        st.sampled_from(["epochs", "batch_size", "seed"]),
        st.lists(st.integers(1, 99), min_size=1, max_size=4, unique=True),
    )
)
def test_every_choice_has_a_run_of_its_own(vary: dict[str, list[int]]) -> None:
    singles, combined = (settings(BASE, vary, grid=grid) for grid in (False, True))
    size = 1
    for values in vary.values():
        size *= len(values)
    assert len(singles) == 1 + sum(len(values) - 1 for values in vary.values())
    assert len(combined) == size
    assert next(iter(singles)) == next(iter(combined)) == "base"
    assert len(set(combined.values())) == size
    assert {name: combined[name] for name in singles} == singles


def test_without_anything_that_varies_there_is_the_base_alone() -> None:
    for grid in (False, True):
        assert settings(BASE, {}, grid) == {"base": BASE}


def test_a_value_given_twice_is_run_once() -> None:
    assert [*settings(BASE, {"epochs": [3, 3, 6]}, grid=False)] == ["base", "epochs=6"]


def test_values_from_the_command_line_mean_the_same_as_numbers() -> None:
    words = {"epochs": ["3", "6"], "label_smoothing": ["0", "0.1"]}
    numbers = {"epochs": [3, 6], "label_smoothing": [0, 0.1]}
    assert settings(BASE, words, grid=True) == settings(BASE, numbers, grid=True)


@pytest.mark.parametrize("grid", [False, True])
@pytest.mark.parametrize(
    ("vary", "named"),
    [
        ({"epochs": [3, 0]}, "--epochs 0: Input should be greater than or equal to 1"),
        ({"epochs": ["3", "many"]}, "--epochs many: "),
        ({"epochs": ["3", ""]}, "--epochs : "),
        ({"learning_rate": [0.1, float("nan")]}, "--learning-rate nan: "),
        ({"learning_rate": [-1]}, "--learning-rate -1: "),
        ({"label_smoothing": [0, 1]}, "--label-smoothing 1: "),
        ({"optimizer": ["sgd", "adam"]}, "--optimizer adam: "),
        ({"momentum": [[0.9]]}, "--momentum [0.9]: "),
        ({"seed": [1.5]}, "--seed 1.5: "),
    ],
)
def test_a_bad_value_is_refused_by_its_option(vary: Any, named: str, grid: bool) -> None:
    with pytest.raises(UserError) as caught:
        settings(BASE, vary, grid)
    assert str(caught.value).startswith(named)


def test_the_command_refuses_a_bad_plan_before_anything_is_trained(
    lab3: Command, plan: Path
) -> None:
    plan.write_text("[vary]\nepochs = 3\n")
    done = lab3("sweep", plan, "--code", SOLUTION, fails=1)
    assert "vary.epochs" in done.stderr
    assert [*plan.parent.iterdir()] == [plan]


def test_the_command_refuses_a_data_set_that_it_does_not_know(lab3: Command, plan: Path) -> None:
    plan.write_text('[base]\ndataset = "mnist"\n')
    done = lab3("sweep", plan, "--code", SOLUTION, fails=1)
    assert "mnist" in done.stderr
    assert [*plan.parent.iterdir()] == [plan]
