"""The list of system calls: its numbers, and the program that is made of it."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.inside import system_calls
from autograder.inside.system_calls import ABSENT, ALLOWED, OWN

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
EPERM, ENOENT, ALLOW, KILL = 0x00050001, 0x00050002, 0x7FFF0000, 0x80000000
PID = 4242


@pytest.mark.parametrize("processor", HEADERS)
def test_the_numbers_are_the_kernels(processor: str) -> None:
    if not HEADERS[processor].exists():
        pytest.skip("the kernel's headers are not installed")
    text = HEADERS[processor].read_text()
    numbers = {name: int(n) for name, n in re.findall(r"define __NR(?:3264)?_(\w+) (\d+)", text)}
    for name, call in (ALLOWED | ABSENT).items():
        assert getattr(call, processor) == numbers.get(
            name, numbers.get(name.removeprefix("new"), -1)
        ), name


def run(program: bytes, architecture: int, number: int, arguments: tuple[int, ...]) -> int:
    """Return what the kernel would: an interpreter of the five instructions in use."""
    import struct

    data = struct.pack("<iIQ6Q", number, architecture, 0, *(a % 2**64 for a in arguments))
    code = [struct.unpack_from("HBBI", program, at) for at in range(0, len(program), 8)]
    accumulator = at = 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        if operation == system_calls.LOAD:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif operation == system_calls.AND:
            accumulator &= value
        elif operation == system_calls.JUMP_IF:
            at += if_true if accumulator == value else if_false
        elif operation == system_calls.JUMP_IF_GE:
            at += if_true if accumulator >= value else if_false
        else:
            assert operation == system_calls.RETURN
            return value


def is_right(name: str, arguments: tuple[int, ...]) -> bool:
    """Tell whether a call's arguments follow its rules, in other words than the program's."""
    for rule in ALLOWED[name].rules:
        given = arguments[rule.argument]
        seen = given % 2**64 if rule.is_long else given % 2**32 & rule.mask
        if seen not in [PID if value == OWN else value for value in rule.values]:
            return False
    return True


COLUMNS = ((0, system_calls.X86_64), (1, system_calls.AARCH64))
RULES = [rule for call in ALLOWED.values() for rule in call.rules]
INTERESTING = st.one_of(
    st.integers(0, 2**64 - 1),
    st.integers(0, 40),
    st.sampled_from([PID, 2**64 - 1]),
    st.sampled_from([value for rule in RULES for value in rule.values if value >= 0]),
    st.sampled_from([0x21, 0x22, 0x23, 0x4022, 0x40022, 0x20022, 128, 129, 265, 1 << 32]),
)


@pytest.mark.parametrize(("column", "architecture"), COLUMNS)
@given(st.sampled_from(sorted(ALLOWED)), st.tuples(*[INTERESTING] * 6))
def test_a_call_on_the_list_is_allowed_with_the_right_arguments_only(
    column: int, architecture: int, name: str, arguments: tuple[int, ...]
) -> None:
    number = (ALLOWED[name].x86_64, ALLOWED[name].aarch64)[column]
    if number < 0:
        return
    program = system_calls.filter_program(column, PID)
    verdict = run(program, architecture, number, arguments)
    assert verdict == (ALLOW if is_right(name, arguments) else EPERM)


@pytest.mark.parametrize(("column", "architecture"), COLUMNS)
@given(st.one_of(st.integers(0, 700), st.integers(0, 2**30 - 1)), st.tuples(*[INTERESTING] * 6))
def test_any_other_number_is_refused(
    column: int, architecture: int, number: int, arguments: tuple[int, ...]
) -> None:
    known = {(call.x86_64, call.aarch64)[column] for call in ALLOWED.values()}
    if number not in known:
        absent = {(call.x86_64, call.aarch64)[column] for call in ABSENT.values()}
        program = system_calls.filter_program(column, PID)
        verdict = run(program, architecture, number, arguments)
        assert verdict == (ENOENT if number in absent else EPERM)


@given(st.integers(0, 700), st.integers(0, 2**32 - 1))
def test_another_architecture_ends_the_process(number: int, architecture: int) -> None:
    for column, right in COLUMNS:
        program = system_calls.filter_program(column, PID)
        if architecture != right:
            assert run(program, architecture, number, (0,) * 6) == KILL
    x32 = system_calls.filter_program(0, PID)
    assert run(x32, system_calls.X86_64, number | system_calls.X32_BIT, (0,) * 6) == KILL


def test_the_program_fits_the_kernel() -> None:
    for column, _ in COLUMNS:
        assert len(system_calls.filter_program(column, PID)) // 8 < 4096
