"""Manifests and uploads in parts."""

import hashlib
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.kernel.db import Tx
from pileus.kernel.types import Conflict, Forbidden, Invalid, NotFound, as_bytes
from pileus.services.objectstore.core import containers, intake, manifests, multipart, objects, reading, segments
from pileus.services.objectstore.core.containers import Usage
from pileus.services.objectstore.core.faults import Mismatch
from pileus.services.objectstore.core.intake import EMPTY, Body
from pileus.services.objectstore.core.listings import Wanted
from pileus.services.objectstore.core.manifests import Segment, Wish, plan
from pileus.services.objectstore.core.objects import Put
from pileus.services.objectstore.db.columns import Details
from pileus.services.objectstore.db.containers import ContainerRow
from pileus.services.objectstore.db.objects import DLO, ObjectRow
from pileus.services.objectstore.db.uploads import PartRow, UploadRow

from .conftest import ACCOUNT, Shelf, anybody, chunked

SEGMENT = st.tuples(st.binary(min_size=1, max_size=9), st.integers(0, 8), st.integers(1, 9))


@given(parts=st.lists(SEGMENT, max_size=8), first=st.integers(0, 60), length=st.integers(0, 60))
def test_a_plan_is_a_slice_of_the_whole(parts: list[tuple[bytes, int, int]], first: int, length: int) -> None:
    listed, datas, whole = [], [], b""
    for data, begin, size in parts:
        start = min(begin, len(data) - 1)
        last = min(start + size, len(data)) - 1
        listed.append(Segment("/c/o", len(data), range=f"{start}-{last}"))
        datas.append(data)
        whole += data[start : last + 1]
    pieces = list(plan(listed, first, first + length))
    got = b"".join(datas[p.index][p.offset : p.offset + p.length] for p in pieces)
    assert got == whole[first : first + length]
    assert all(p.length > 0 for p in pieces)


async def static(shelf: Shelf, name: str, *wishes: Wish, **want: str) -> ObjectRow:
    made, _ = await shelf.db.write(
        manifests.put_static, shelf.near, shelf.ctx, ACCOUNT, "c", name, wishes, Put(**want), anybody
    )
    return made


async def test_a_static_manifest(shelf: Shelf) -> None:
    room = await shelf.room()
    one, two = await shelf.put("one", b"1" * 500), await shelf.put("two", b"2" * 50)
    row = await static(
        shelf, "m", Wish(container="c", name="one"), Wish(container="c", name="two", range="10-19"), Wish(data=b"!!")
    )
    assert row.size == 512
    assert row.etag == hashlib.md5(f"{one.etag}{two.etag}:10-19;{hashlib.md5(b'!!').hexdigest()}".encode()).hexdigest()
    whole = b"1" * 500 + b"2" * 10 + b"!!"
    assert await shelf.get("m") == whole
    assert await shelf.get("m", 495, 511) == whole[495:511]
    nested = await static(shelf, "n", Wish(container="c", name="m", range="-20"), Wish(container="c", name="two"))
    assert await shelf.get("n") == whole[-20:] + b"2" * 50
    assert (await shelf.db.read(containers.usage, room)).bytes == 550 + row.weight + nested.weight
    _, found = await shelf.db.read(objects.fetch, shelf.near, ACCOUNT, "c", "m", anybody)
    text = b"".join([chunk async for chunk in as_bytes(reading.raw(shelf.near, found))])
    assert hashlib.md5(text).hexdigest() == row.inner_etag
    assert [s.name for s in manifests.segments_of(text)] == ["/c/one", "/c/two", ""]


async def test_segments_that_will_not_do(shelf: Shelf) -> None:
    await shelf.room()
    one = await shelf.put("one", b"1" * 500)
    wishes = [
        Wish(container="c", name="one", etag="0" * 32),
        Wish(container="c", name="one", size=3),
        Wish(container="c", name="none"),
        Wish(container="none", name="x"),
        Wish(container="c", name="one", range="600-700"),
    ]
    with pytest.raises(Invalid) as refused:
        await static(shelf, "m", *wishes)
    assert [reason.split(";")[0] for _, reason in refused.value.details["problems"]] == [  # type: ignore[attr-defined]
        "Etag Mismatch", "Size Mismatch", "404 Not Found", "404 Not Found", "Unsatisfiable Range",
    ]  # fmt: skip
    with pytest.raises(Mismatch):
        await static(shelf, "m", Wish(container="c", name="one"), etag=one.etag)


async def test_segments_that_changed_or_went(shelf: Shelf) -> None:
    room = await shelf.room()
    await shelf.put("one", b"1" * 500)
    await static(shelf, "m", Wish(container="c", name="one"))
    await shelf.put("one", b"2" * 500)
    with pytest.raises(Conflict) as changed:
        await shelf.get("m")
    assert changed.value.type == "SegmentChanged"
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, "one")
    with pytest.raises(Conflict) as gone:
        await shelf.get("m")
    assert gone.value.type == "SegmentMissing"


async def test_many_segments(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked up some at a time, of several containers, with text of the manifest's own among them; one that went fails at its turn."""
    room = await shelf.room()
    await shelf.room("other")
    for number in range(100):
        await shelf.put(f"s{number:02}", b"%04d" % number * 30, room="other" if number % 3 else "c")
    places = [Wish(container="other" if n % 3 else "c", name=f"s{n:02}") for n in range(100)]
    await static(shelf, "m", *places[:50], Wish(data=b"between"), *places[50:], *places)
    whole = b"".join(b"%04d" % n * 30 for n in range(100))
    whole = whole[:6000] + b"between" + whole[6000:] + whole
    looks, read = 0, shelf.db.read

    async def counted(*args: Any, **kw: Any) -> Any:
        nonlocal looks
        looks += 1
        return await read(*args, **kw)

    monkeypatch.setattr(shelf.db, "read", counted)
    assert await shelf.get("m") == whole
    assert looks <= 201 // segments.MOST + 3
    assert await shelf.get("m", 5990, 6020) == whole[5990:6020]
    monkeypatch.undo()
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, "s03")
    _, found = await shelf.db.read(objects.fetch, shelf.near, ACCOUNT, "c", "m", anybody)
    stream = as_bytes(reading.content(shelf.near, ACCOUNT, found, anybody))
    assert b"".join([await anext(stream) for _ in range(3)]) == whole[:360]
    with pytest.raises(Conflict) as gone:
        await anext(stream)
    assert gone.value.type == "SegmentMissing"


async def test_a_manifest_in_itself_ends(shelf: Shelf) -> None:
    await shelf.room()
    dynamic = Put(kind=DLO, shown_size=-1, details=Details(headers={"x-object-manifest": "c/d"}))
    await shelf.db.write(objects.put, shelf.near, shelf.ctx, ACCOUNT, "c", "d1", dynamic, EMPTY)
    await shelf.put("d0", b"x" * 10)
    assert await shelf.get("d1") == b"x" * 10


async def test_a_dynamic_manifest(shelf: Shelf) -> None:
    await shelf.room()
    await shelf.room("segments")
    for number in range(12):
        await shelf.put(f"part/{number:02}", f"{number:02}".encode() * 60, room="segments")
    want = Put(kind=DLO, shown_size=-1, details=Details(headers={"x-object-manifest": "segments/part/"}))
    await shelf.db.write(objects.put, shelf.near, shelf.ctx, ACCOUNT, "c", "d", want, EMPTY)
    whole = b"".join(f"{number:02}".encode() * 60 for number in range(12))
    assert await shelf.get("d") == whole
    assert await shelf.get("d", 115, 365) == whole[115:365]
    _, found = await shelf.db.read(objects.fetch, shelf.near, ACCOUNT, "c", "d", anybody)

    def only_c(row: ContainerRow) -> None:
        if row.name != "c":
            raise Forbidden("no")

    with pytest.raises(Forbidden):
        [chunk async for chunk in as_bytes(reading.content(shelf.near, ACCOUNT, found, only_c))]


async def begin(shelf: Shelf, room: ContainerRow, name: str = "big", **system: str) -> UploadRow:
    return await shelf.db.write(
        multipart.begin, shelf.near, shelf.ctx, room, name, "text/x", Details({"colour": "red"}, {}, system)
    )


async def part(shelf: Shelf, room: ContainerRow, upload: UploadRow, number: int, data: bytes) -> PartRow:
    def decide(tx: Tx, body: Body) -> PartRow:
        return multipart.put_part(tx, shelf.near, room, upload.name, upload.id, number, body)

    return await intake.store(shelf.near, room.place, chunked(data), decide)


async def complete(shelf: Shelf, room: ContainerRow, upload: UploadRow, *parts: PartRow) -> ObjectRow:
    chosen = [(one.number, one.etag) for one in parts]
    return await shelf.db.write(multipart.complete, shelf.near, shelf.ctx, room, upload.name, upload.id, chosen)


async def test_an_upload_in_parts(shelf: Shelf) -> None:
    room = await shelf.room()
    upload = await begin(shelf, room)
    datas = {3: os.urandom(5000), 1: os.urandom(90), 10: b"", 7: os.urandom(300)}
    parts = {number: await part(shelf, room, upload, number, data) for number, data in datas.items()}
    await part(shelf, room, upload, 5, b"never chosen" * 100)
    parts[1] = await part(shelf, room, upload, 1, datas[1])
    assert (await shelf.db.read(containers.usage, room)).bytes == 90 + 5000 + 300 + 1200
    found, more = await shelf.db.read(multipart.parts, upload, 1, 2)
    assert ([one.number for one in found], more) == ([3, 5], True)
    row = await complete(shelf, room, upload, *(parts[number] for number in sorted(parts)))
    whole = b"".join(datas[number] for number in sorted(datas))
    md5s = b"".join(hashlib.md5(datas[number]).digest() for number in sorted(datas))
    assert (row.size, row.etag) == (5390, f"{hashlib.md5(md5s).hexdigest()}-4")
    assert (row.content_type, row.kept.meta) == ("text/x", {"colour": "red"})
    assert await shelf.get("big") == whole
    assert await shelf.get("big", 80, 5100) == whole[80:5100]
    assert await shelf.db.read(containers.usage, room) == Usage(1, 5390)
    assert await complete(shelf, room, upload, *(parts[number] for number in sorted(parts))) == row
    with pytest.raises(NotFound):
        await complete(shelf, room, upload, parts[1])
    copied = await shelf.db.write(objects.copy, shelf.near, shelf.ctx, row, ACCOUNT, "c", "copy", Put())
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, "big")
    await shelf.tidy()
    assert (await shelf.get("copy"), copied.etag) == (whole, row.etag)
    await shelf.db.write(objects.delete, shelf.near, shelf.ctx, room, "copy")
    await shelf.tidy()
    assert await shelf.stores["standard"].observe() == []


async def test_parts_that_will_not_do(shelf: Shelf) -> None:
    strict = shelf.with_settings(part_least=100)
    room = await shelf.room()
    upload = await begin(shelf, room)
    one, two = await part(shelf, room, upload, 1, b"x" * 99), await part(shelf, room, upload, 2, b"y" * 5)

    async def refused(*chosen: tuple[int, str]) -> str:
        with pytest.raises(Invalid) as fault:
            await shelf.db.write(multipart.complete, strict.near, shelf.ctx, room, "big", upload.id, chosen)
        return fault.value.type

    assert await refused() == "InvalidPartOrder"
    assert await refused((2, two.etag), (1, one.etag)) == "InvalidPartOrder"
    assert await refused((1, one.etag), (3, two.etag)) == "InvalidPart"
    assert await refused((1, two.etag)) == "InvalidPart"
    assert await refused((1, one.etag), (2, two.etag)) == "PartTooSmall"
    for number in (0, 10_001):
        with pytest.raises(Invalid):
            await part(shelf, room, upload, number, b"x")
    await complete(shelf, room, upload, one, two)
    with pytest.raises(NotFound):
        await part(shelf, room, upload, 3, b"x" * 500)
    with pytest.raises(NotFound):
        await shelf.db.read(multipart.find, room, "other", upload.id)


async def test_uploads_are_listed_dropped_and_forgotten(shelf: Shelf) -> None:
    room = await shelf.room()
    begun = [await begin(shelf, room, name) for name in ("b", "a", "b", "c")]
    made = sorted([one.name, one.id] for one in begun)
    page = await shelf.db.read(multipart.listed, room, Wanted(limit=2))
    assert ([[u.name, u.id] for u in page.items], page.more) == (made[:2], True)
    page = await shelf.db.read(multipart.listed, room, Wanted(marker=made[1][0]), made[1][1])
    assert ([[u.name, u.id] for u in page.items], page.more) == (made[2:], False)
    upload = (await shelf.db.read(multipart.listed, room, Wanted(marker="b"))).items[0]
    assert upload.name == "c"
    await part(shelf, room, upload, 1, b"x" * 5000)
    await shelf.db.write(multipart.drop, room, upload)
    assert await shelf.db.read(containers.usage, room) == Usage(0, 0)
    old = await begin(shelf, room, "old")
    await part(shelf, room, old, 1, b"x" * 5000)
    await shelf.db.write(containers.delete, shelf.near, shelf.ctx, room)
    await shelf.tidy()
    assert await shelf.stores["standard"].observe() == []
