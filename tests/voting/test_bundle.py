"""The canonical tar: the files decide every byte, and nothing else hides in it."""

import hashlib
import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voting import bundle
from voting.errors import InvalidBundle

names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}(/[a-z0-9][a-z0-9._-]{0,20}){0,2}", fullmatch=True)
bundles = st.dictionaries(names, st.binary(max_size=1200), max_size=5)
SMALL = {"README": b"hello\n", "log/entries.bin": bytes(700), "roll.txt": b""}


@given(bundles)
def test_what_is_packed_is_unpacked(files: dict[str, bytes]) -> None:
    """Files survive, and packing again gives the same bytes."""
    data = bundle.write_tar(files)

    assert bundle.read_tar(data) == files
    assert bundle.write_tar(dict(reversed(files.items()))) == data


def test_every_tar_program_reads_it() -> None:
    """Python's own tarfile finds the files, in bytewise order, with mode 0644 and no owner or time."""
    with tarfile.open(fileobj=io.BytesIO(bundle.write_tar(SMALL))) as tar:
        members = tar.getmembers()
        assert [one.name for one in members] == ["README", "log/entries.bin", "roll.txt"]
        assert {(one.mode, one.uid, one.gid, one.mtime, one.type) for one in members} == {(0o644, 0, 0, 0, b"0")}
        extracted = tar.extractfile("log/entries.bin")
        assert extracted is not None
        assert extracted.read() == bytes(700)


def test_a_header_byte_by_byte() -> None:
    """The layout of POSIX ustar (IEEE 1003.1, pax), every field at its place."""
    header = bundle.tar_header("a/b", 700)

    assert header[:100] == b"a/b".ljust(100, b"\0")
    assert header[100:148] == b"0000644\x000000000\x000000000\x0000000001274\x0000000000000\x00"
    assert header[148:156] == f"{sum(header[:148]) + sum(header[156:]) + 256:06o}\0 ".encode()
    assert header[156:265] == b"0" + bytes(100) + b"ustar\x0000"
    assert header[265:] == bytes(64) + b"0000000\x000000000\x00" + bytes(167)


def test_a_stream_is_the_same_tar() -> None:
    """Header, bytes, padding for each file and the end: a tar can be written without holding it."""
    parts = [part for name in sorted(SMALL) for part in (
        bundle.tar_header(name, len(SMALL[name])), SMALL[name], bundle.padding(len(SMALL[name])),
    )]  # fmt: skip

    assert b"".join((*parts, bundle.END)) == bundle.write_tar(SMALL)


@given(at=st.integers(0, 10**6), new=st.integers(0, 255))
def test_a_changed_byte_is_another_bundle_or_none(at: int, new: int) -> None:
    """Change any byte: refused, or it is a byte of a file and the tar of the changed file."""
    data = bundle.write_tar(SMALL)
    at %= len(data)
    changed = data[:at] + bytes([new]) + data[at + 1 :]
    try:
        files = bundle.read_tar(changed)
    except InvalidBundle:
        return
    assert bundle.write_tar(files) == changed
    assert (files == SMALL) == (changed == data)


@given(st.binary(max_size=2000) | st.binary(max_size=600).map(lambda tail: bundle.tar_header("a", 512) + tail))
def test_garbage_is_refused(data: bytes) -> None:
    """Whatever comes in, the answer is InvalidBundle."""
    with pytest.raises(InvalidBundle):
        bundle.read_tar(data)


GOOD = bundle.write_tar(SMALL)


@pytest.mark.parametrize(
    ("reason", "data"),
    [
        ("end", GOOD + bytes(512)),
        ("end", GOOD[:-512]),
        ("end", GOOD + b"\0"),
        ("ends inside", GOOD[:2000]),
        ("no ustar header", GOOD[:1024] + b"x" * 512 + GOOD[1024:]),
        ("zeros belong", GOOD[:1000] + b"x" + GOOD[1001:]),
        ("sorted", bundle.write_tar({"b": b""})[:512] + bundle.write_tar({"a": b""})),
        ("sorted", bundle.write_tar({"a": b""})[:512] + bundle.write_tar({"a": b""})),
        ("no ustar header", b""),
        ("octal", GOOD[:124] + b"8" + GOOD[125:]),
        ("ASCII", "ü".encode() + GOOD[2:]),
        ("can't be a file", b"/etc/passwd".ljust(100, b"\0") + GOOD[100:]),
        ("can't be a file", b"../README".ljust(100, b"\0") + GOOD[100:]),
        ("canonical form", GOOD[:105] + b"5" + GOOD[106:]),
    ],
)
def test_every_other_tar_is_refused(reason: str, data: bytes) -> None:
    """Also where tar programs would not mind: order, padding, blocks behind the end, names that lead out."""
    with pytest.raises(InvalidBundle, match=reason):
        bundle.read_tar(data)


def test_a_real_tar_program_writes_no_canonical_tar() -> None:
    """Python's tarfile with its usual settings writes owners and blocks of its own: refused."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        info = tarfile.TarInfo("README")
        info.size = 6
        tar.addfile(info, io.BytesIO(b"hello\n"))

    with pytest.raises(InvalidBundle):
        bundle.read_tar(made.getvalue())


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "../a", "a/../b", ".hidden", "a b", "ä", "a" * 101, "a\n"])
def test_names_that_could_lead_out_are_refused(name: str) -> None:
    """A bundle can be unpacked anywhere without harm."""
    with pytest.raises(InvalidBundle):
        bundle.write_tar({name: b""})


def test_a_file_too_large_for_its_header_is_refused() -> None:
    """Eleven octal digits hold 8 GiB less a byte."""
    assert bundle.tar_header("a", bundle.SIZE_MAX)[124:136] == b"77777777777\0"

    with pytest.raises(InvalidBundle, match="more than"):
        bundle.tar_header("a", bundle.SIZE_MAX + 1)


def test_sha256sums_is_what_sha256sum_reads() -> None:
    """Sorted bytewise, two spaces, and without itself and the result, which is signed over it."""
    files = {"b": b"2", "B": b"1", bundle.SHA256SUMS: b"", bundle.RESULT: b"", "a/c": b"3"}

    assert bundle.sha256sums(files).decode().splitlines() == [
        f"{hashlib.sha256(files[name]).hexdigest()}  {name}" for name in ("B", "a/c", "b")
    ]
