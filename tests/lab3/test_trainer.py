"""The training loop: stopping anywhere and going on changes nothing."""

from pathlib import Path

import pytest
import torch

from lab3.data import ImageData, Split, load_data
from lab3.errors import LabError
from lab3.log.records import Hyperparameters
from lab3.quantize import begin_qat_epoch, prepare_qat
from lab3.resnet import build_network
from lab3.schedule import learning_rate
from lab3.training import NonFiniteLossError, Trainer

CPU = torch.device("cpu")
HYPER = Hyperparameters(
    epochs=3, batch_size=32, learning_rate=0.05, augmentation="autoaugment", seed=7
)


class StoppedError(Exception):
    pass


@pytest.fixture(scope="module")
def data() -> ImageData:
    whole = load_data("digits", Path())
    some = whole.train.take(torch.arange(160))
    return ImageData("digits", whole.classes, some, whole.validation, whole.test, "0" * 64)


def make_trainer(
    data: ImageData, state: Path, hyper: Hyperparameters, is_qat: bool, as_on_gpu: bool = False
) -> Trainer:
    torch.manual_seed(hyper.seed)
    network = build_network("resnet14", width=4)
    if is_qat:
        network = prepare_qat(network.eval())
    if as_on_gpu:
        return Trainer(network, data, hyper, CPU, state, workers=None, precision=torch.bfloat16)
    return Trainer(network, data, hyper, CPU, state)


def train(
    data: ImageData,
    state: Path,
    hyper: Hyperparameters,
    is_qat: bool,
    stop_after: int | None,
    as_on_gpu: bool = False,
) -> Trainer:
    """Train to the end; with ``stop_after``, stop after that many steps of each attempt."""
    steps = 0

    def on_step(trainer: Trainer) -> None:
        nonlocal steps
        steps += 1
        if steps == stop_after:
            trainer.save()
            raise StoppedError

    while True:
        steps, trainer = 0, make_trainer(data, state, hyper, is_qat, as_on_gpu)
        torch.manual_seed(123)  # a new process would not find the old random state either
        try:
            trainer.run(
                on_step,
                lambda _record: None,
                (lambda net, epoch: begin_qat_epoch(net, epoch, hyper.epochs))
                if is_qat
                else (lambda _net, _epoch: None),
            )
        except StoppedError:
            continue
        return trainer


@pytest.mark.parametrize("is_qat", [False, True])
@pytest.mark.parametrize(
    "stop_after",
    [pytest.param(2, marks=pytest.mark.slow), 5, pytest.param(7, marks=pytest.mark.slow)],
)
def test_a_stopped_run_ends_like_an_unbroken_one(
    tmp_path: Path, data: ImageData, is_qat: bool, stop_after: int
) -> None:
    unbroken = train(data, tmp_path / "a.pt", HYPER, is_qat, stop_after=None)
    stopped = train(data, tmp_path / "b.pt", HYPER, is_qat, stop_after=stop_after)
    require_equal(unbroken, stopped)


def test_so_does_one_in_mixed_precision_that_keeps_its_images_on_the_device(
    tmp_path: Path, data: ImageData
) -> None:
    unbroken = train(data, tmp_path / "a.pt", HYPER, False, stop_after=None, as_on_gpu=True)
    stopped = train(data, tmp_path / "b.pt", HYPER, False, stop_after=7, as_on_gpu=True)
    require_equal(unbroken, stopped)
    usual = train(data, tmp_path / "c.pt", HYPER, False, stop_after=None)
    assert stopped.epochs[-1].train_loss != usual.epochs[-1].train_loss
    assert abs(stopped.epochs[-1].train_loss - usual.epochs[-1].train_loss) < 0.5


def require_equal(unbroken: Trainer, stopped: Trainer) -> None:
    """Fail unless two runs have ended alike, times aside."""
    measured = {"duration_s", "images_per_s"}
    assert [e.model_dump(exclude=measured) for e in stopped.epochs] == [
        e.model_dump(exclude=measured) for e in unbroken.epochs
    ]
    expected, got = unbroken.network.state_dict(), stopped.network.state_dict()
    assert expected.keys() == got.keys()
    assert all(torch.equal(expected[key], got[key]) for key in expected)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_training_learns(tmp_path: Path, data: ImageData, optimizer: str) -> None:
    rate = 0.05 if optimizer == "sgd" else 0.005
    hyper = HYPER.model_copy(
        update={"optimizer": optimizer, "augmentation": "none", "epochs": 6, "learning_rate": rate}
    )
    trainer = train(data, tmp_path / "state.pt", hyper, is_qat=False, stop_after=None)
    first, last = trainer.epochs[0], trainer.epochs[-1]
    assert last.train_accuracy > first.train_accuracy + 0.3


def test_the_best_epoch_is_kept(tmp_path: Path, data: ImageData) -> None:
    trainer = train(data, tmp_path / "state.pt", HYPER, is_qat=False, stop_after=None)
    accuracies = [epoch.validation_accuracy for epoch in trainer.epochs]
    assert accuracies[trainer.best_epoch - 1] == max(accuracies)
    assert trainer._validation_totals()[1] / len(data.validation) == max(accuracies)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path, data: ImageData) -> None:
    hyper = HYPER.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(NonFiniteLossError, match=r"epoch 1, step \d, at learning rate 1e\+30"):
        train(data, tmp_path / "state.pt", hyper, is_qat=False, stop_after=None)


def test_validation_images_do_not_reach_the_ranges_of_qat(tmp_path: Path, data: ImageData) -> None:
    bright = Split(torch.full_like(data.validation.images, 255), data.validation.labels)
    loud = ImageData("digits", data.classes, data.train, bright, data.test, data.fingerprint)
    hyper = HYPER.model_copy(update={"epochs": 1})
    trainer = make_trainer(loud, tmp_path / "state.pt", hyper, is_qat=True)
    seen: list[dict[str, torch.Tensor]] = []

    def ranges() -> dict[str, torch.Tensor]:
        state = trainer.network.state_dict()
        return {k: v.clone() for k, v in state.items() if k.endswith(("min_val", "max_val"))}

    trainer.run(lambda _trainer: seen.append(ranges()), lambda _record: None)
    after = ranges()
    assert len(after) == 2 * (2 * 18 + 4 + 1)
    assert all(torch.equal(value, after[name]) for name, value in seen[-1].items())


def test_a_damaged_state_is_reported_with_the_remedy(tmp_path: Path, data: ImageData) -> None:
    for content in (b"", b"PK", b"x" * 1000):
        (tmp_path / "state.pt").write_bytes(content)
        with pytest.raises(LabError, match=r"state.pt is damaged: .*--restart"):
            make_trainer(data, tmp_path / "state.pt", HYPER, is_qat=False)


def test_a_validation_loss_that_is_not_finite_stops_the_run(
    tmp_path: Path, data: ImageData
) -> None:
    hyper = HYPER.model_copy(update={"learning_rate": 1e30, "batch_size": 160, "epochs": 1})
    with pytest.raises(NonFiniteLossError):
        train(data, tmp_path / "state.pt", hyper, is_qat=False, stop_after=None)


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        ("cosine", [0.1, 0.0853553, 0.05, 0.0146447]),
        ("multistep", [0.1, 0.1, 0.01, 0.001]),
        ("constant", [0.1] * 4),
    ],
)
def test_the_learning_rate_falls_as_the_scheduler_says(
    scheduler: str, expected: list[float]
) -> None:
    hyper = Hyperparameters(epochs=4, learning_rate=0.1, scheduler=scheduler)
    assert [learning_rate(hyper, epoch) for epoch in range(4)] == pytest.approx(expected, rel=1e-5)
