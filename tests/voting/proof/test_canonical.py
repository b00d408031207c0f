"""One value, one string of bytes: what else says the same is refused."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.ballot import Allocation, Approval, Opening
from schemas.base import SAFE_INTEGER, Count, Record
from schemas.problem import Problem
from voting.errors import InvalidEncoding
from voting.proof import canonical
from voting.proof.base64s import from_base64, to_base64


class Sample(Record):
    """A little of everything."""

    name: str
    number: Count
    flags: tuple[bool | None, ...]


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).map(
    lambda text: unicodedata.normalize("NFC", text)
)
samples = st.builds(
    Sample,
    name=texts,
    number=st.integers(0, SAFE_INTEGER),
    flags=st.lists(st.none() | st.booleans(), max_size=4).map(tuple),
)


@given(samples)
def test_what_is_written_is_read(sample: Sample) -> None:
    """Decoding gives the value back, and the bytes are those of Python's own sorted JSON."""
    data = canonical.encode(sample)

    assert canonical.decode(data, Sample) == sample
    plain = {"flags": list(sample.flags), "name": sample.name, "number": sample.number}
    assert data == json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


GOOD = b'{"flags":[true],"name":"elm","number":7}'


@pytest.mark.parametrize(
    ("malleation", "data"),
    [
        ("space", b'{"flags":[true], "name":"elm","number":7}'),
        ("line feed at the end", GOOD + b"\n"),
        ("doubled key", b'{"flags":[true],"name":"oak","name":"elm","number":7}'),
        ("another order of keys", b'{"name":"elm","flags":[true],"number":7}'),
        ("unknown key", b'{"flags":[true],"name":"elm","number":7,"z":1}'),
        ("needless escape", b'{"flags":[true],"name":"\\u0065lm","number":7}'),
        ("escaped solidus", b'{"flags":[true],"name":"e\\/m","number":7}'),
        ("minus zero", b'{"flags":[true],"name":"elm","number":-0}'),
        ("fraction", b'{"flags":[true],"name":"elm","number":7.0}'),
        ("exponent", b'{"flags":[true],"name":"elm","number":7e0}'),
        ("leading zero", b'{"flags":[true],"name":"elm","number":07}'),
        ("too large for other readers", b'{"flags":[true],"name":"elm","number":9007199254740992}'),
        ("not in NFC", '{"flags":[true],"name":"e\u0301","number":7}'.encode()),
        ("control character", b'{"flags":[true],"name":"e\\nm","number":7}'),
        ("escaped control character", b'{"flags":[true],"name":"e\\u0001m","number":7}'),
        ("lone surrogate", b'{"flags":[true],"name":"\\ud800","number":7}'),
        ("invalid UTF-8", b'{"flags":[true],"name":"\xff","number":7}'),
        ("byte order mark", b"\xef\xbb\xbf" + GOOD),
        ("missing key", b'{"flags":[true],"name":"elm"}'),
        ("another type", b"[" * 100_000),
        ("nothing", b""),
    ],
)
def test_every_other_spelling_is_refused(malleation: str, data: bytes) -> None:
    """Rule R0: bytes that are not the encoding of what they decode to are refused."""
    assert canonical.decode(GOOD, Sample).number == 7

    with pytest.raises(InvalidEncoding):
        canonical.decode(data, Sample)


def test_quotes_and_backslashes_are_text() -> None:
    """The two characters that JSON must escape are no control characters, alone or in a row."""
    for text in ('"', "\\", '\\"', '"\\', "\\\\n", "\\u0001"):
        opening = Opening(salt="0" * 64, choices=text)
        assert canonical.decode(canonical.encode(opening), Opening) == opening


@given(st.binary(max_size=40))
def test_garbage_is_refused(data: bytes) -> None:
    """Whatever comes in, the answer is InvalidEncoding."""
    for kind in (Approval, Allocation, Problem):
        with pytest.raises(InvalidEncoding):
            canonical.decode(data, kind)


@given(st.binary(max_size=40))
def test_base64_has_one_spelling(data: bytes) -> None:
    """Bytes survive; slack bits, missing padding and the other alphabet are refused."""
    text = to_base64(data)

    assert from_base64(text, len(data)) == data
    for other in (text + "=", text + "\n", text.rstrip("=") if "=" in text else text + "A", "-" + text[1:]):
        if other != text:
            with pytest.raises(InvalidEncoding):
                from_base64(other, len(data))
    with pytest.raises(InvalidEncoding, match="are due"):
        from_base64(text, len(data) + 1)


def test_slack_bits_are_refused() -> None:
    """QR== and QQ== are the same byte to most decoders; only QQ== is ours."""
    assert from_base64("QQ==") == b"A"
    with pytest.raises(InvalidEncoding, match="canonical"):
        from_base64("QR==")
