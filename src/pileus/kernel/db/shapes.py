"""Statements that are put together at run time, compiled once per shape.

The shape of a list request is what its SQL text depends on: which conditions and sort keys, not their values. The
select that it starts from may carry values of its own (`t.c.project_id == ctx.project_id`): selects of one structure
share a compiled statement, and each brings its values.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from itertools import count
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import BindParameter, Join, Select

from pileus.kernel.db.queries import Query
from pileus.kernel.db.transactions import Tx

R = TypeVar("R")
KEPT = 1000
_counter = count()


class Structure(NamedTuple):
    """What selects of one structure have in common, and the values of one of them."""

    number: int
    """-1 where statements cannot be kept."""
    outer: bool
    """It has outer joins: any column may be NULL."""
    binds: tuple[BindParameter[Any], ...] = ()


class _Kept(NamedTuple):
    query: Query[Any]
    first: Structure
    holds: Any


_structures: WeakKeyDictionary[Select[Any], Structure] = WeakKeyDictionary()
_numbers: dict[Hashable, tuple[int, bool]] = {}
_kept: OrderedDict[Hashable, _Kept] = OrderedDict()


def run_shaped(
    tx: Tx,
    select: Select[Any],
    fields: object,
    shape: Hashable,
    build: Callable[[], Select[Any]],
    into: Callable[..., R] | None,
    values: Mapping[str, Any],
) -> list[R]:
    """Rows of `build()`, which is called only when no statement of this select, `fields` and shape is kept."""
    structure = structure_of(select)
    if structure.number < 0:
        return tx.rows(Query(build(), into=into), **values)
    key = (structure.number, id(fields), shape)
    kept = _kept.get(key)
    if kept is None:
        kept = _kept[key] = _Kept(Query(build(), into=into), structure, fields)
        if len(_kept) > KEPT:
            _kept.popitem(last=False)
    if not structure.binds:
        return tx.rows(kept.query, **values)
    names = tx.plan(kept.query).bind_names
    own = {  # less those that went with columns that `build` left out
        names[old]: new.effective_value
        for old, new in zip(kept.first.binds, structure.binds, strict=True)
        if old in names
    }
    return tx.rows(kept.query, **own, **values)


def structure_of(select: Select[Any]) -> Structure:
    """From memory, but for a structure that is seen for the first time."""
    found = _structures.get(select)
    if found is not None:
        return found
    key = select._generate_cache_key()
    if key is None:
        found = Structure(-1, _has_outer_join(select))
    else:
        if len(_numbers) > 10 * KEPT:  # numbers are never given twice
            _numbers.clear()
        known = _numbers.get(key.key)
        if known is None:
            known = _numbers[key.key] = (next(_counter), _has_outer_join(select))
        found = Structure(*known, tuple(key.bindparams))
    _structures[select] = found
    return found


def _has_outer_join(select: Select[Any]) -> bool:
    return any(_outer(source) for source in select.get_final_froms())


def _outer(source: Any) -> bool:
    return isinstance(source, Join) and (source.isouter or source.full or _outer(source.left) or _outer(source.right))
