"""Numbers in texts from outside."""

import pytest

from pileus.kernel.types import whole_number


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("007", 7), (str(2**63 - 1), 2**63 - 1), (str(2**63), None), ("0" * 31 + "5", 5)]
)
def test_digits_are_a_number_up_to_what_a_row_can_hold(text: str, number: int | None) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1.0", "1_000", "0x1", "²", "٣", "9" * 5000])
def test_anything_else_is_none(text: str) -> None:
    assert whole_number(text) is None


def test_more_than_is_asked_for_is_none() -> None:
    assert (whole_number("255", 255), whole_number("256", 255)) == (255, None)
