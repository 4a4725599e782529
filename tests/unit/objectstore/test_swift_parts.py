"""Pure parts of Swift's API against models: ranges, ACLs, archives, forms, lines, paths."""

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pileus.services.objectstore.api import forms
from pileus.services.objectstore.api.swift import acl, listings, paths, tar
from pileus.services.objectstore.api.swift.bulk import lines
from pileus.services.objectstore.api.swift.conditions import failed
from pileus.services.objectstore.core import ranges

NAMES = some.text(some.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=20)


async def cut(data: bytes, sizes: list[int]) -> AsyncIterator[bytes]:
    """The same bytes, in pieces of those sizes, none of them empty."""
    for size in sizes:
        if data:
            yield data[:size]
        data = data[size:]
    if data:
        yield data


PIECES = some.lists(some.integers(1, 700), max_size=30)
ONE = some.one_of(
    some.tuples(some.integers(0, 40), some.integers(0, 60)).map(sorted).map(lambda p: (p[0], p[1])),
    some.tuples(some.integers(0, 40), some.none()),
    some.tuples(some.none(), some.integers(0, 40)),
)


@given(some.lists(ONE, min_size=1, max_size=6), some.integers(0, 50))
def test_ranges_give_the_bytes_asked_for(asked: list[tuple[int | None, int | None]], size: int) -> None:
    text = ",".join(f"{'' if a is None else a}-{'' if b is None else b}" for a, b in asked)
    assert ranges.parsed(f"bytes={text}") == tuple(asked)
    data = bytes(range(size))
    spans = ranges.planned(tuple(asked), size)
    wanted = [data[a : None if b is None else b + 1] if a is not None else data[-b:] if b else b"" for a, b in asked]
    if spans is None:
        assert size == 0
        assert any(a is None and b for a, b in asked)
    elif spans:
        assert [data[start:end] for start, end in spans] == [one for one in wanted if one]
    else:
        assert not any(wanted) or len(asked) > ranges.OVERLAPS


@pytest.mark.parametrize(
    "text", ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-3", "bytes=1-2,", "lines=1-2", "bytes=²-3"]
)
def test_what_is_no_range(text: str) -> None:
    assert ranges.parsed(text) is None


@given(
    some.lists(some.tuples(NAMES, some.binary(max_size=1500)), max_size=6), PIECES, some.sampled_from(["", "gz", "bz2"])
)
@settings(max_examples=40, deadline=None)
def test_archives_as_the_library_reads_them(files: list[tuple[str, bytes]], sizes: list[int], pack: str) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{pack}", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    out.seek(0)
    with tarfile.open(fileobj=out, mode="r:*") as archive:
        wanted = [(one.name, archive.extractfile(one).read()) for one in archive if one.isreg()]  # type: ignore[union-attr]

    async def read() -> list[tuple[str, bytes]]:
        chunks = tar.unpacked(f"tar.{pack}" if pack else "tar", cut(out.getvalue(), sizes))
        return [(one.name, b"".join([c async for c in one.body])) async for one in tar.entries(chunks)]

    found = asyncio.run(read())
    assert [(name.rstrip("/"), data) for name, data in found] == [(name.rstrip("/"), data) for name, data in wanted]


@given(some.lists(some.tuples(some.sampled_from("abc"), some.binary(max_size=900)), max_size=5), PIECES)
@settings(max_examples=60, deadline=None)
def test_forms_however_they_are_cut(fields: list[tuple[str, bytes]], sizes: list[int]) -> None:
    body = b"".join(
        b'--B\r\nContent-Disposition: form-data; name="' + name.encode() + b'"; filename="f"\r\n\r\n' + data + b"\r\n"
        for name, data in fields
        if b"\r\n--B" not in data
    )
    wanted = [(name, data) for name, data in fields if b"\r\n--B" not in data]

    async def read() -> list[tuple[str, bytes]]:
        found = []
        async for part in forms.parts(cut(body + b"--B--\r\n", sizes), b"B"):
            found.append((part.name, b"".join([chunk async for chunk in part.body])))
        return found

    assert asyncio.run(read()) == wanted


@given(some.lists(some.binary(max_size=50).filter(lambda line: b"\n" not in line)), PIECES)
def test_lines_however_they_are_cut(wanted: list[bytes], sizes: list[int]) -> None:
    async def read() -> list[bytes]:
        return [line async for line in lines(cut(b"\n".join(wanted), sizes))]

    assert asyncio.run(read()) == (wanted[:-1] if wanted and not wanted[-1] else wanted)


@given(NAMES.filter(lambda name: "/" not in name), NAMES, NAMES)
def test_paths_there_and_back(account: str, container: str, name: str) -> None:
    path = paths.Path(account, container.replace("/", "|"), name)
    assert paths.parsed(str(path)) == path


@pytest.mark.parametrize(
    ("rule", "referrer", "allowed"),
    [
        (".r:*", "", True),
        (".r:*", "http://a.example/x", True),
        (".r:.example.com", "http://www.example.com/x", True),
        (".r:.example.com", "http://example.com/x", False),
        (".r:example.com", "http://example.com:8080/x", True),
        (".r:example.com", "http://badexample.com/", False),
        (".r:*,.r:-bad.com", "http://bad.com/", False),
        (".r:-bad.com,.r:*", "http://bad.com/", True),
        (".r:.example.com", "no url at all", False),
        ("p:u", "http://p/", False),
    ],
)
def test_referrers(rule: str, referrer: str, allowed: bool) -> None:
    assert acl.refers(referrer, acl.parsed(rule).referrers) is allowed


@given(some.lists(some.sampled_from([" p:u ", "role", ".r:*", ".rlistings", "", ".ref:*.a.com", ".referer:-b.com"])))
def test_a_cleaned_acl_stays_clean(words: list[str]) -> None:
    once = acl.cleaned("x-container-read", ",".join(words))
    assert acl.cleaned("x-container-read", once) == once
    assert " " not in once


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 0),
        ({"if-none-match": '"e"'}, 304),
        ({"if-none-match": "x, e"}, 304),
        ({"if-match": "x"}, 412),
        ({"if-match": "*"}, 0),
        ({"if-match": "e", "if-none-match": "e"}, 304),
        ({"if-modified-since": "Thu, 01 Jan 1970 00:00:02 GMT"}, 304),
        ({"if-modified-since": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0),
        ({"if-unmodified-since": "Thu, 01 Jan 1970 00:00:01 GMT"}, 412),
        ({"if-unmodified-since": "Thu, 01 Jan 1970 00:00:02 GMT"}, 0),
        ({"if-modified-since": "yesterday"}, 0),
    ],
)
def test_conditions(headers: dict[str, str], status: int) -> None:
    assert failed(headers, "e", 1_500_000) == status


@pytest.mark.parametrize(
    ("accept", "best"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("application/json", "application/json"),
        ("text/*;q=0.5, application/*", "application/json"),
        ("image/png", None),
        ("application/json;q=0", None),
    ],
)
def test_what_a_client_likes_best(accept: str, best: str | None) -> None:
    assert listings.best(accept, ("text/plain", "application/json")) == best
