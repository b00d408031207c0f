"""Codes as people type them: what is forgiven, and that every slip is found in its group."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voting.proof import codes
from voting.proof.codes import ALPHABET, InvalidCode

secrets = st.sampled_from([10, 32]).flatmap(lambda size: st.binary(min_size=size, max_size=size))


@given(secrets)
def test_what_is_printed_is_read(data: bytes) -> None:
    """Bytes survive printing, also typed in small letters, with spaces, and with I, L and O for 1 and 0."""
    text = codes.format_groups(data)

    assert codes.parse_groups(text, len(data)) == data
    assert codes.parse_groups(text.lower().replace("-", " "), len(data)) == data
    assert codes.parse_groups(text.replace("-", "").replace("1", "l").replace("0", "o"), len(data)) == data
    assert codes.parse_groups(f" {text.replace('1', 'I')} ", len(data)) == data


@given(data=secrets, at=st.integers(0, 64), char=st.sampled_from(ALPHABET + "U#ü"))
def test_every_wrong_character_is_found_in_its_group(data: bytes, at: int, char: str) -> None:
    """One wrong character, whichever and wherever, is an error of exactly its group."""
    chars = codes.format_groups(data).replace("-", "")
    at %= len(chars)
    if chars[at] == char:
        return

    with pytest.raises(InvalidCode) as error:
        codes.parse_groups(chars[:at] + char + chars[at + 1 :], len(data))

    assert error.value.group == at // 5 + 1


@given(data=secrets, at=st.integers(0, 63))
def test_most_swaps_of_neighbours_are_found(data: bytes, at: int) -> None:
    """Two neighbouring data characters that differ and are swapped give another check, but where they differ by 16."""
    chars = list(codes.format_groups(data).replace("-", ""))
    at %= len(chars) - 1
    left, right = ALPHABET.index(chars[at]), ALPHABET.index(chars[at + 1])
    if at % 5 >= 3 or (left - right) % 16 == 0:
        return
    chars[at], chars[at + 1] = chars[at + 1], chars[at]

    with pytest.raises(InvalidCode) as error:
        codes.parse_groups("".join(chars), len(data))

    assert error.value.group == at // 5 + 1


@given(data=st.binary(min_size=10, max_size=10), first=st.integers(0, 3), second=st.integers(0, 3))
def test_swapped_groups_are_found(data: bytes, first: int, second: int) -> None:
    """The check counts the group's number too, so groups in the wrong order don't pass."""
    groups = codes.format_groups(data).split("-")
    if first == second:
        return
    groups[first], groups[second] = groups[second], groups[first]

    with pytest.raises(InvalidCode):
        codes.parse_groups("-".join(groups), 10)


@pytest.mark.parametrize("text", ["", "0000", "00009-0000J-0000V", "00009-0000J-0000V-00004-0"])
def test_a_wrong_length_is_no_group_s_fault(text: str) -> None:
    """Where characters are missing or too many, no group can be named."""
    with pytest.raises(InvalidCode, match="20 characters") as error:
        codes.parse_groups(text, 10)

    assert error.value.group is None


def test_spare_bits_must_be_zero() -> None:
    """A phrase has 260 bits for 256: the last four must be zero, so that it has one spelling."""
    data = bytes(31) + b"\x01"
    groups = codes.format_groups(data).split("-")
    last = ALPHABET[ALPHABET.index(groups[-1][3]) | 1]
    digits = [ALPHABET.index(char) for char in groups[-1][:3] + last]
    check = (digits[0] + 3 * digits[1] + 5 * digits[2] + 7 * digits[3] + 9 * 13) % 32
    groups[-1] = groups[-1][:3] + last + ALPHABET[check]

    with pytest.raises(InvalidCode) as error:
        codes.parse_groups("-".join(groups), 32)

    assert error.value.group == 13


def test_a_code_gives_another_key_on_another_roll() -> None:
    """Keys are bound to the roll, so codes of two letters never give the same one."""
    code = codes.parse_groups("00009-0000J-0000V-00004", 10)

    assert codes.roll_secret(code, bytes(16)) != codes.roll_secret(code, bytes(15) + b"\1")
