"""What a plan may say, and which runs it becomes."""

import re
from pathlib import Path

import pytest

from tests.conftest import SOLUTION
from tests.making.plans import LAB, VARIANTS
from tools.reference.items import items_of
from tools.reference.plan import PlanError, load_plan

NETWORK = 'dataset = "digits"\narch = "resnet14"\nwidth = 8\nseeds = [0, 1]\n'
FAULTS = {
    "not TOML": ("dataset = \n", "not TOML"),
    "unknown setting": (
        f"{NETWORK}seed = [0]\n",
        ":5: seed: there is no such setting: did you mean seeds?",
    ),
    "unknown in a table": (
        f"{NETWORK}[variants]\nseeds = [0]\nmax_shift = [4]\n",
        ":7: variants.max_shift: there is no such setting: did you mean max_shift_amount?",
    ),
    "missing": (
        'dataset = "digits"\narch = "resnet14"\nseeds = [0]\n',
        "width: is missing: add it",
    ),
    "another data set": (
        NETWORK.replace("digits", "mnist"),
        ":1: dataset: it has to be 'digits', 'fashion-mnist' or 'cifar10', got 'mnist'",
    ),
    "no seed": (NETWORK.replace("[0, 1]", "[]"), ":4: seeds: name one at least, got []"),
    "a seed that is text": (
        NETWORK.replace("[0, 1]", '["a"]'),
        ":4: seeds.0: write a whole number, got 'a'",
    ),
    "a seed twice": (NETWORK.replace("[0, 1]", "[1, 1]"), ":4: seeds: a seed stands there twice"),
    "a narrow network": (
        NETWORK.replace("8", "3"),
        ":3: width: it has to be greater than or equal",
    ),
    "a seed that isn't trained": (
        f"{NETWORK}[variants]\nseeds = [2]\n",
        ":6: variants.seeds: 2 is not among seeds: add it there",
    ),
    "a per-channel seed that isn't trained": (
        f"{NETWORK}[per_channel]\nqat = [0, 3]\n",
        ":6: per_channel.qat: 3 is not among seeds: add it there",
    ),
    "unknown hyperparameter": (
        f"{NETWORK}[fp32]\nepoch = 3\n",
        ":6: fp32.epoch: there is no such hyperparameter: did you mean epochs?",
    ),
    "the seed as a hyperparameter": (
        f"{NETWORK}[fp32]\nseed = 3\n",
        ":6: fp32.seed: there is no such hyperparameter",
    ),
    "bad value": (
        f"{NETWORK}[qat]\nepochs = 0\n",
        ":6: qat.epochs: it has to be greater than or equal to 1, got 0",
    ),
    "bad value that varies": (
        f"{NETWORK}[ablation]\nseeds = [0]\n[ablation.vary]\nmomentum = [0.9, 1.0]\n",
        ":8: ablation.vary.momentum: it has to be less than 1, got 1.0",
    ),
    "nothing that varies": (
        f"{NETWORK}[ablation]\nseeds = [0]\n[ablation.vary]\nmomentum = []\n",
        ":8: ablation.vary.momentum: name one at least",
    ),
    "no table": (f"{NETWORK}variants = 3\n", ":5: variants: write a table, got 3"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "plan.toml"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused_with_its_line_and_a_remedy(path: Path, fault: str) -> None:
    text, message = FAULTS[fault]
    path.write_text(text)
    with pytest.raises(PlanError, match=re.escape(message)) as refusal:
        load_plan(path)
    assert str(refusal.value).startswith(str(path))


def test_a_plan_that_is_not_there_or_not_text_is_named(path: Path) -> None:
    with pytest.raises(PlanError, match=r"plan.toml can't be read: No such file"):
        load_plan(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(PlanError, match=r"plan.toml is not UTF-8: save it as UTF-8"):
        load_plan(path)


def test_each_run_comes_after_the_one_that_it_needs(path: Path) -> None:
    path.write_text(LAB + VARIANTS)
    items = items_of(load_plan(path))
    names = [item.name for item in items]
    assert len(set(names)) == len(names)
    for place, item in enumerate(items):
        assert item.needs is None or item.needs in names[:place]


def test_what_the_labs_ptq_does_itself_is_not_done_twice(path: Path) -> None:
    path.write_text(LAB + VARIANTS)
    names = {item.name for item in items_of(load_plan(path))}
    assert names == {
        *(f"runs/seed-0/{run}" for run in ("fp32", "ptq", "qat")),
        *(f"runs/seed-0/sweep/{run}" for run in ("base", "label-smoothing=0.0")),
        *(
            f"variants/seed-0/{run}"
            for run in (
                "ptq-per-channel",
                "qat-per-channel",
                "ptq-not-fused",
                "ptq-shift-4",
                "ptq-images-16",
            )
        ),
    }


def test_a_seed_is_that_of_its_runs(path: Path) -> None:
    path.write_text(NETWORK + "[fp32]\nepochs = 3\n")
    trained = {item.name: item.hyper for item in items_of(load_plan(path)) if item.hyper}
    assert {name: (hyper.seed, hyper.epochs) for name, hyper in trained.items()} == {
        "runs/seed-0/fp32": (0, 3),
        "runs/seed-0/qat": (0, 5),
        "runs/seed-1/fp32": (1, 3),
        "runs/seed-1/qat": (1, 5),
    }


@pytest.mark.parametrize("path", sorted((SOLUTION / "reference").glob("*/plan.toml")), ids=str)
def test_the_kits_own_plans_are_right(path: Path) -> None:
    assert items_of(load_plan(path))
