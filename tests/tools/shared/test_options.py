"""The options that several commands share."""

import re

import pytest

from lab3.log.records import Hyperparameters
from tests.conftest import Command
from tools.shared.options import HYPERPARAMETERS


def test_every_hyperparameter_is_an_option() -> None:
    assert set(HYPERPARAMETERS) == set(Hyperparameters.model_fields)


@pytest.mark.parametrize("command", ["train", "qat", "sweep"])
def test_the_commands_that_train_take_them_all(command: str, lab3: Command) -> None:
    shown = lab3(command, "--help").stdout
    for field in HYPERPARAMETERS:
        assert re.search(rf"--{field.replace('_', '-')}\b", shown)
