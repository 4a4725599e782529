"""Pages against a reference in plain Python, on both databases."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, Float, String, Table, Text, delete, insert, literal, select

from pileus.kernel.db import Database, Flag, Json, MarkerMissing, Page, Query, Time, Tx, metadata, page
from pileus.kernel.types import Filter, Invalid, Listing, Sort

rows_table = Table(
    "test_rows",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(36), nullable=False),
    Column("name", Text),
    Column("size", BigInteger),
    Column("at", Time, nullable=False),
    Column("on", Flag),
    Column("weight", Float),
    Column("tags", Json),
)
owners = Table(
    "test_owners", metadata, Column("id", String(36), primary_key=True), Column("label", Text, nullable=False)
)
t = rows_table.c
FIELDS = {column.name: column for column in t} | {"owner": owners.c.label}
PLAIN = {column.name: column for column in t}
INSERT, CLEAR = Query(insert(rows_table)), Query(delete(rows_table))
SELECT = select(rows_table)


class Row(msgspec.Struct, frozen=True):
    id: str
    project_id: str
    name: str | None
    size: int | None
    at: int
    on: bool | None
    weight: float | None
    tags: Any


names = st.one_of(st.none(), st.text("aAbB%_*\\'.[é", max_size=4))
row_lists = st.lists(
    st.builds(
        Row,
        id=st.text("abcdefXYZ-", min_size=1, max_size=6),
        project_id=st.sampled_from(["p", "q"]),
        name=names,
        size=st.one_of(st.none(), st.integers(-2, 2), st.sampled_from([2**63 - 1, -(2**63)])),
        at=st.integers(0, 3),
        on=st.one_of(st.none(), st.booleans()),
        weight=st.one_of(st.none(), st.sampled_from([0.0, -1.5, 0.1, 1e300])),
        tags=st.just(["x"]),
    ),
    max_size=25,
    unique_by=lambda row: row.id,
)
SORTABLE = ["id", "project_id", "name", "size", "at", "on", "weight"]
sorts = st.lists(st.builds(Sort, st.sampled_from(SORTABLE), st.booleans()), max_size=4).map(tuple)
some_text = st.text("aAbB%_*\\'.[é", max_size=2)
filters = st.one_of(
    st.builds(
        Filter, st.just("name"), st.sampled_from(["like", "contains", "startswith", "endswith"]), st.tuples(some_text)
    ),
    st.builds(Filter, st.just("name"), st.sampled_from(["eq", "ne"]), st.tuples(names)),
    st.builds(Filter, st.just("name"), st.sampled_from(["gt", "gte", "lt", "lte"]), st.tuples(some_text)),
    st.builds(Filter, st.just("name"), st.sampled_from(["in", "nin"]), st.lists(names, max_size=3).map(tuple)),
    st.builds(
        Filter, st.just("size"), st.sampled_from(["in", "nin"]), st.lists(st.integers(-2, 2), max_size=3).map(tuple)
    ),
    st.builds(
        Filter, st.just("size"), st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"]), st.tuples(st.integers(-2, 2))
    ),
    st.builds(Filter, st.just("on"), st.sampled_from(["eq", "ne"]), st.tuples(st.one_of(st.none(), st.booleans()))),
    st.builds(Filter, st.just("name"), st.just("regex"), st.tuples(st.sampled_from(["a", "^a", "b$", "[ab]+", "^.$"]))),
)
listings = st.builds(
    Listing,
    filters=st.lists(filters, max_size=2).map(tuple),
    sort=sorts,
    limit=st.one_of(st.none(), st.integers(0, 6)),
    reverse=st.booleans(),
)


def lower(text: str) -> str:
    return re.sub("[A-Z]", lambda found: found[0].lower(), text)


def matches(row: Row, f: Filter) -> bool:
    have: Any = getattr(row, f.field)
    if f.op in {"in", "nin"}:
        return (have in f.values) == (f.op == "in")
    want: Any = f.values[0]
    if f.op in {"eq", "ne"}:
        return (have == want) == (f.op == "eq")
    if have is None:
        return False
    if f.op in {"gt", "gte", "lt", "lte"}:
        if isinstance(have, str):
            have, want = have.encode(), want.encode()
        return {"gt": have > want, "gte": have >= want, "lt": have < want, "lte": have <= want}[f.op]
    if f.op == "regex":
        return re.search(want, have) is not None
    return {
        "like": lower(want) in lower(have),
        "contains": want in have,
        "startswith": have.startswith(want),
        "endswith": have.endswith(want),
    }[f.op]


def ordered(rows: list[Row], listing: Listing) -> list[Row]:
    keys = [*listing.sort, Sort("id", listing.sort[0].descending if listing.sort else False)]
    for key in reversed(keys):

        def place(row: Row, field: str = key.field) -> tuple[bool, Any]:
            value = getattr(row, field)
            return value is not None, value.encode() if isinstance(value, str) else value or 0

        rows = sorted(rows, key=place, reverse=key.descending)
    return rows


def expected(rows: list[Row], listing: Listing) -> tuple[list[str], bool]:
    everything = [row.id for row in ordered(rows, listing)]
    wanted = {row.id for row in rows if all(matches(row, f) for f in listing.filters)}
    if listing.marker is not None:
        at = everything.index(listing.marker)
        everything = everything[:at] if listing.reverse else everything[at + 1 :]
    found = [id for id in everything if id in wanted]
    if listing.limit is None or len(found) <= listing.limit:
        return found, False
    return (found[len(found) - listing.limit :] if listing.reverse else found[: listing.limit]), True


def fill(tx: Tx, rows: list[Row]) -> None:
    tx.run(CLEAR)
    tx.run_many(INSERT, [msgspec.structs.asdict(row) for row in rows])


def show(found: Page[Row]) -> tuple[list[str], bool]:
    return [row.id for row in found.rows], found.more


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=row_lists, listing=listings, data=st.data())
async def test_like_the_reference(database: Database, rows: list[Row], listing: Listing, data: st.DataObject) -> None:
    await database.write(fill, rows)
    found = await database.read(page, SELECT, PLAIN, listing, Row)
    assert show(found) == expected(rows, listing)
    assert {row.id: row for row in rows} | {row.id: row for row in found.rows} == {row.id: row for row in rows}
    if rows:
        listing = msgspec.structs.replace(listing, marker=data.draw(st.sampled_from([row.id for row in rows])))
        found = await database.read(page, SELECT, PLAIN, listing, Row)
        assert show(found) == expected(rows, listing)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=row_lists, sort=sorts, size=st.integers(1, 4), reverse=st.booleans())
async def test_leafing_through_sees_every_row_once(
    database: Database, rows: list[Row], sort: tuple[Sort, ...], size: int, reverse: bool
) -> None:
    await database.write(fill, rows)
    listing = Listing(sort=sort, limit=size, reverse=reverse)
    seen: list[str] = []
    while True:
        ids, more = show(await database.read(page, SELECT, PLAIN, listing, Row))
        seen = [*ids, *seen] if reverse else [*seen, *ids]
        if not more:
            break
        listing = msgspec.structs.replace(listing, marker=ids[0] if reverse else ids[-1])
    assert seen == [row.id for row in ordered(rows, listing)]


def row(id: str, **more: Any) -> Row:
    fields = {"project_id": "p", "name": None, "size": None, "at": 1, "on": None, "weight": None, "tags": None}
    return Row(id=id, **fields | more)


async def test_markers(database: Database) -> None:
    await database.write(fill, [row("a"), row("b", name="x"), row("c"), row("d", project_id="q")])
    mine = Listing(marker="b").also("project_id", "eq", "p")
    assert show(await database.read(page, SELECT, PLAIN, mine, Row)) == (["c"], False)
    changed = mine.also("name", "eq", None)  # b does not match, and still marks a place
    assert show(await database.read(page, SELECT, PLAIN, changed, Row)) == (["c"], False)
    for unknown in ("nobody", "d", "", "\0", "\ud800"):
        with pytest.raises(MarkerMissing) as caught:
            await database.read(page, SELECT, PLAIN, msgspec.structs.replace(mine, marker=unknown), Row)
        assert caught.value.marker == unknown
        assert caught.value.status == 400


async def test_selects_of_one_structure_keep_their_own_values(database: Database) -> None:
    await database.write(fill, [row("a"), row("b", project_id="q"), row("c", project_id="r")])
    for _ in range(3):
        for project, id in (("p", "a"), ("q", "b"), ("r", "c")):
            found = await database.read(page, select(rows_table).where(t.project_id == project), PLAIN, Listing(), Row)
            assert show(found) == ([id], False)
    for ids in (["a"], ["a", "b"], [], ["c", "b", "a"]):
        found = await database.read(page, select(rows_table).where(t.id.in_(ids)), PLAIN, Listing(limit=9), Row)
        assert show(found) == (sorted(ids), False)


async def test_outer_joins_bring_nulls_into_full_columns(database: Database) -> None:
    def story(tx: Tx) -> None:
        fill(tx, [row(id) for id in "abcd"])
        tx.run_many(Query(insert(owners)), [{"id": "b", "label": "z"}, {"id": "c", "label": "y"}])
        joined = select(rows_table).select_from(rows_table.outerjoin(owners, t.id == owners.c.id))
        seen: list[str] = []
        listing = Listing(sort=(Sort("owner"),), limit=1)
        while True:
            ids, more = show(page(tx, joined, FIELDS, listing, Row))
            seen += ids
            if not more:
                break
            listing = msgspec.structs.replace(listing, marker=ids[-1])
        assert seen == ["a", "d", "c", "b"]

    await database.write(story)


@pytest.mark.parametrize(
    "bad",
    [
        Listing().also("size", "eq", "many"),
        Listing().also("size", "eq", 2**63),
        Listing().also("size", "in", 1, "x"),
        Listing().also("size", "like", "1"),
        Listing().also("size", "eq", True),
        Listing().also("size", "eq", 1.5),
        Listing().also("size", "eq", [1]),
        Listing().also("size", "gt", None),
        Listing().also("at", "gt", "yesterday"),
        Listing().also("on", "eq", "maybe"),
        Listing().also("on", "gt", True),
        Listing().also("weight", "eq", "nan"),
        Listing().also("weight", "eq", "inf"),
        Listing().also("name", "eq", "\0"),
        Listing().also("name", "eq", "\ud800"),
        Listing().also("name", "eq", {"a": 1}),
        Listing().also("name", "eq"),
        Listing().also("name", "eq", "a", "b"),
        Listing().also("name", "regex", "("),
        Listing().also("name", "regex", "(a)\\1"),
        Listing().also("name", "regex", "a" * 2000),
        Listing().also("name", "sounds", "a"),  # type: ignore[arg-type]
        Listing().also("tags", "eq", "x"),
        Listing().also("nothing", "eq", "x"),
        Listing(sort=(Sort("nothing"),)),
        Listing(sort=(Sort("tags"),)),
        Listing(limit=-1),
    ],
    ids=lambda bad: str(bad)[:90].encode("ascii", "replace").decode(),
)
async def test_what_cannot_be_meant_is_invalid(database: Database, bad: Listing) -> None:
    with pytest.raises(Invalid) as caught:
        await database.read(page, SELECT, PLAIN, bad, Row)
    named = bad.filters[0].field if bad.filters else bad.sort[0].field if bad.sort else "limit"
    assert named in caught.value.message
    assert caught.value.details == {"field": named}


async def test_text_is_read_as_the_columns_type(database: Database) -> None:
    await database.write(fill, [row("a", size=5, on=True, at=1_000_000, weight=0.5), row("b", size=6, on=False)])
    for listing in (
        Listing().also("size", "eq", "5"),
        Listing().also("on", "eq", "True"),
        Listing().also("on", "ne", "false"),
        Listing().also("at", "gte", "1970-01-01T00:00:01Z"),
        Listing().also("weight", "gt", "0.25"),
        Listing().also("id", "regex", "^(a+)+$"),
    ):
        assert show(await database.read(page, SELECT, PLAIN, listing, Row)) == (["a"], False)


async def test_a_wicked_pattern_takes_no_time(database: Database) -> None:
    await database.write(fill, [row("a", name="a" * 5000 + "b")])
    listing = Listing().also("name", "regex", "^(a+)+$")
    assert show(await database.read(page, SELECT, PLAIN, listing, Row)) == ([], False)


async def test_values_in_the_columns_of_a_select(database: Database) -> None:
    await database.write(fill, [row("a"), row("b"), row("c")])
    for label in ("x", "y"):
        labelled = select(t.id, literal(label)).where(t.project_id == "p")
        found = await database.read(page, labelled, PLAIN, Listing(marker="a", limit=1), lambda id, label: (id, label))
        assert found == Page([("b", label)], more=True)
