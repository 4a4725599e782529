"""Checksums by name, and those of a whole from those of its parts."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.kernel.types import digest, joined

CHECK = {"crc32": "cbf43926", "crc32c": "e3069283", "crc64nvme": "ae8b14860a799888"}
QUICK = {
    "xxhash64": "8cb841db40e6ae83", "xxhash3": "72dcb18b67a17dff", "xxhash128": "33119477ede5dcd5e9716427681d5860",
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [*CHECK.items(), *QUICK.items()])
def test_the_published_check_value(name: str, value: str) -> None:
    one = digest(name)
    one.update(b"1234")
    one.update(b"56789")
    assert one.hexdigest() == value


def test_hashes_of_hashlib_have_the_same_face() -> None:
    one = digest("sha256")
    one.update(b"x")
    assert one.hexdigest() == hashlib.sha256(b"x").hexdigest()


def test_an_unknown_name() -> None:
    with pytest.raises(ValueError, match="crc31"):
        digest("crc31")
    with pytest.raises(ValueError, match="md5"):
        joined("md5", "", "", 1)


@given(name=st.sampled_from(sorted(CHECK)), first=st.binary(), second=st.binary())
def test_a_whole_follows_from_its_parts(name: str, first: bytes, second: bytes) -> None:
    def of(data: bytes) -> str:
        one = digest(name)
        one.update(data)
        return one.hexdigest()

    assert joined(name, of(first), of(second), len(second)) == of(first + second)
