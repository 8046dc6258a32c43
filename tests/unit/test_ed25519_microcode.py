"""The microprogram as text: what it overwrites at its ends, and what the assembler refuses."""

import pytest

from rtl.crypto.ed25519_instruction import ELEMENTS, INSTRUCTION, Destination, Operation, Space
from rtl.crypto.ed25519_microcode import PUBLIC, program
from rtl.crypto.ed25519_program import Element, Program


def decoded() -> list:
    return [INSTRUCTION.from_bits(word) for word in program().words]


def section(label: str, last: Operation) -> list:
    """From a label to the first instruction `last`, which is included."""
    instructions = decoded()[program().labels[label] :]
    operations = [instruction.operation for instruction in instructions]
    return instructions[: operations.index(last) + 1]


def test_wipe_overwrites_all_but_public_numbers_and_the_scalar():
    wipe = section("wipe", Operation.RETURN)
    zeroed = [
        instruction.d
        for instruction in wipe
        if instruction.operation == Operation.SUBTRACT
        and instruction.d == instruction.a == instruction.b.index
        and instruction.b.space == Space.ELEMENT
    ]
    assert sorted([*zeroed, *PUBLIC]) == list(range(ELEMENTS))
    assert set(PUBLIC) == {Element.PUBLIC_KEY, Element.COMMITMENT, Element.RESPONSE}
    to_scalar, multiplication = wipe[len(zeroed) : -1]
    assert to_scalar.operation == Operation.SEND and to_scalar.number == Destination.SCALAR.value
    assert multiplication.operation == Operation.MULTIPLY
    assert to_scalar.a in zeroed and multiplication.a in zeroed and multiplication.b.index in zeroed


@pytest.mark.parametrize("entry", ["derive", "sign"])
def test_nothing_but_public_numbers_moves_after_the_wipe(entry):
    instructions = section(entry, Operation.END)
    at = max(
        index
        for index, instruction in enumerate(instructions)
        if instruction.operation == Operation.CALL and instruction.number == program().labels["wipe"]
    )
    after = instructions[at + 1 : -1]
    assert after
    for instruction in after:
        assert instruction.operation == Operation.SEND
        assert instruction.a in PUBLIC
        assert instruction.number in (Destination.PUBLIC_KEY.value, Destination.SIGNATURE.value)


def test_jumps_stay_in_the_program_and_loops_go_back():
    words = decoded()
    for at, instruction in enumerate(words):
        if instruction.operation in (Operation.CALL, Operation.LOOP):
            assert instruction.number < len(words)
        if instruction.operation == Operation.LOOP:
            assert instruction.number < at


def test_a_factor_is_not_overwritten_by_its_product():
    p = Program()
    with pytest.raises(ValueError, match="factor"):
        p.multiply(3, 3, 4)
    with pytest.raises(ValueError, match="factor"):
        p.multiply(3, 4, 3)
    with pytest.raises(ValueError, match="root"):
        p.square(3, 3)
    with pytest.raises(ValueError, match="root"):
        p.square(2, 3, 2)
    with pytest.raises(ValueError, match="cannot go to"):
        p.multiply_wide(4, 5, 6)
    with pytest.raises(ValueError, match="cannot go to"):
        p.multiply_wide(3, 6, 7)
