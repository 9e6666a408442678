"""The order in which test images are looked at: secret, and not to be chosen."""

from pathlib import Path

import pytest
import torch

from autograder.catalog import all_checks
from autograder.expected.accuracy import draw_of, is_far_above, order_of
from autograder.rubric import RUBRIC, Rubric, RubricError, load

KEY = "5f0c3d9be7a1428660aa91d7c3e4b825"
SHA = "0123456789abcdef" * 4


def test_an_order_holds_every_image_once() -> None:
    order = order_of(359, draw_of(KEY, SHA))
    assert order.sort().values.tolist() == list(range(359))
    assert order.tolist() != list(range(359))
    assert torch.equal(order, order_of(359, draw_of(KEY, SHA)))


@pytest.mark.parametrize("count", [128, 10_000])
def test_every_bit_of_the_draw_changes_the_order(count: int) -> None:
    draw = draw_of(KEY, SHA)
    bits = range(8 * len(draw)) if count < 1000 else (0, 31, 32, 63, 64, 127, 255)
    orders = {tuple(order_of(count, draw).tolist())}
    for bit in bits:
        flipped = int.from_bytes(draw, "big") ^ (1 << bit)
        orders.add(tuple(order_of(count, flipped.to_bytes(len(draw), "big")).tolist()))
    assert len(orders) == len(bits) + 1


def test_every_bit_of_the_key_and_the_submission_reach_the_draw() -> None:
    digits = len(KEY)
    keys = [f"{int(KEY, 16) ^ (1 << bit):0{digits}x}" for bit in range(4 * digits)]
    draws = {draw_of(key, SHA) for key in [KEY, *keys]}
    assert len(draws) == 4 * digits + 1
    assert min(map(len, draws)) >= 16
    assert draw_of(KEY, SHA) != draw_of(KEY, SHA[1:] + "0")


def test_without_a_key_there_is_no_order_to_choose() -> None:
    assert draw_of("", SHA) == draw_of("", "f" * 64) == b""
    assert order_of(5, b"").tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("key", [KEY, KEY.upper(), "q9TzW-5xkA_0LmRc7bYvEg", ""])
def test_a_random_key_is_taken(key: str, tmp_path: Path) -> None:
    assert rubric_with(key, tmp_path).document.key == key


@pytest.mark.parametrize(
    "key", ["hunter2", KEY[:31], "q9TzW-5xkA_0LmRc7bYvE", "0" * 32, "ab" * 40, "lab lab lab " * 3]
)
def test_a_key_that_can_be_guessed_is_refused(key: str, tmp_path: Path) -> None:
    with pytest.raises(RubricError) as raised:
        rubric_with(key, tmp_path)
    text = str(raised.value)
    number = RUBRIC.read_text().splitlines().index('key = ""') + 1
    assert f"rubric.toml:{number}: key: a key holds 128 random bits" in text
    assert "secrets.token_hex(16)" in text
    assert key not in text


def rubric_with(key: str, folder: Path) -> Rubric:
    path = folder / "rubric.toml"
    path.write_text(RUBRIC.read_text().replace('key = ""', f'key = "{key}"'))
    return load(path, list(all_checks()))


def flags(right: int, images: int) -> torch.Tensor:
    return torch.arange(images) < right


@pytest.mark.parametrize(
    ("test", "validation", "is_flagged"),
    [
        ((359, 359), (126, 143), True),
        ((359, 359), (140, 143), False),
        ((348, 359), (139, 143), False),
        ((10_000, 10_000), (1_880, 2_000), True),
        ((9_550, 10_000), (1_880, 2_000), False),
        ((9_400, 10_000), (2_000, 2_000), False),
        ((64, 64), (1_900, 2_000), False),
    ],
)
def test_only_what_chance_does_not_explain_is_far_above(
    test: tuple[int, int], validation: tuple[int, int], is_flagged: bool
) -> None:
    assert is_far_above(flags(*test), flags(*validation)) == is_flagged
