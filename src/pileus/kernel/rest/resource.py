"""A noun in one class: its fields and what can be done with it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pileus.kernel.db import Page, Tx
from pileus.kernel.rest.declared import Declared
from pileus.kernel.rest.fields import UNSET, Field, Getter, gather_fields, getters
from pileus.kernel.rest.operations import Operation
from pileus.kernel.rest.request import Answer, Request, Target
from pileus.kernel.rest.schemas import ANY, Schema, Versioned, is_versioned, obj
from pileus.kernel.types import Fault, Forbidden, Invalid, Listing, Sort, Version

N = TypeVar("N")
Want = dict[str, Any]


class Manner(Protocol):
    """What a resource asks of its service's `Dialect`."""

    update_method: ClassVar[str]
    filter_all: ClassVar[bool]

    def moment(self, at: int) -> str: ...
    def limit(self, text: str | None) -> int | None: ...
    def listing(self, request: Request, resource: Any) -> Listing: ...
    def listed(self, request: Request, resource: Any, views: list[Any], page: Page[Any]) -> Any: ...
    def member(self, request: Request, resource: Any, view: Any) -> Any: ...
    def wants(self, request: Request, resource: Any, operation: str, body: Any, bulk: bool) -> Any: ...
    def body_schema(self, resource: Any, operation: str, bulk: bool) -> Schema | Versioned | None: ...
    def denied(self, request: Request, resource: Any, fault: Fault, row: Any) -> Fault: ...
    def invalid_value(self, field: str, value: object, reason: str) -> Fault: ...


class Resource(Generic[N]):
    """Base of all declared nouns; see `docs/explanation/kernel.md`."""

    member: ClassVar[str] = ""
    plural: ClassVar[str] = ""
    path: ClassVar[str] = ""
    id_name: ClassVar[str] = ""
    """Path parameter of one item; `<member>_id` unless said."""
    rules: ClassVar[Mapping[str, str]] = {}
    """Policy rule by operation name. An operation without one is open to every token."""
    default_sort: ClassVar[tuple[Sort, ...]] = ()
    default_direction: ClassVar[str] = "asc"
    own_query: ClassVar[frozenset[str]] = frozenset()
    """Query parameters of lists that the class reads itself."""
    get: ClassVar[Callable[..., Any] | None] = None
    """`def (tx, near, ctx, id) -> row`; raises `NotFound`."""

    def __init__(self, near: N) -> None:
        self.near = near
        self.fields = gather_fields(type(self))
        self.flat = [f for variants in self.fields.values() for f in variants]
        self.dialect: Manner
        self._by_wire = {
            w: [f for f in self.flat if w in (f.wire, f.alias)] for f in self.flat for w in (f.wire, f.alias) if w
        }
        self._seen_rules = tuple(dict.fromkeys(f.rule for f in self.flat if f.rule))
        self._plans: dict[tuple[str, Version, frozenset[str]], list[tuple[str, Getter | None, str]]] = {}

    # --- hooks ----------------------------------------------------------------------------------------------------

    def extend(self, request: Request, row: Any, view: dict[str, Any]) -> None:
        """Add to a view what fields cannot say."""

    def before(self, tx: Tx, request: Request, row: Any, want: Want | None) -> None:
        """Runs in the transaction before update, delete and actions: preconditions (`If-Match`)."""

    def policy_target(self, tx: Tx | None, request: Request, subject: Any) -> Mapping[str, object]:
        """The target of rules: the row, or the caller's own ids under what a create wants."""
        if isinstance(subject, dict):
            return {**request.own(), **subject}
        return Target(subject)

    def marker_of(self, row: Any) -> str:
        return str(row.id)

    def location(self, request: Request, row: Any) -> str:
        """`Location` of a created item; empty: none."""
        return ""

    # --- fields ---------------------------------------------------------------------------------------------------

    def filter_field(self, wire: str, at: Version) -> Field | None:
        for f in self._by_wire.get(wire, ()):
            if f.at(at) and (f.match or (self.dialect.filter_all and "list" in f.on)):
                return f
        return None

    def sort_field(self, wire: str, at: Version) -> Field | None:
        for f in self._by_wire.get(wire, ()):
            if f.at(at) and (f.sort or (self.dialect.filter_all and "list" in f.on)):
                return f
        return None

    def view(self, request: Request, row: Any, where: str = "show") -> dict[str, Any]:
        """The row as this caller, in this version, may see it."""
        plan = self.plan(request, where)
        made = {wire: getattr(row, column) if get is None else get(request, row) for wire, get, column in plan}
        self.extend(request, row, made)
        return made

    def plan(self, request: Request, where: str) -> list[tuple[str, Getter | None, str]]:
        seen: frozenset[str] = frozenset()
        if self._seen_rules:
            known = request.memo.get(self)
            if known is None:
                known = request.memo[self] = frozenset(r for r in self._seen_rules if request.may(r))
            seen = known
        key = (where, request.version, seen)
        plan = self._plans.get(key)
        if plan is None:
            visible = [f for f in self.flat if not f.rule or f.rule in seen]
            plan = self._plans[key] = getters(visible, where, request.version, self.dialect.moment)
        return plan

    def want(self, request: Request, operation: str, raw: Any) -> Want:
        """A validated body as `want`: by field name, defaults filled in on create, unknown keys under `extra`."""
        live = [f for f in self.flat if operation in f.on and f.at(request.version)]
        want: Want = {}
        left = dict(raw)
        for f in live:
            given = [w for w in (f.wire, f.alias) if w and w in left]
            if not given:
                if operation == "create":
                    if f.required:
                        raise self.dialect.invalid_value(f.wire, None, f"{f.wire!r} is a required property")
                    if f.default is not UNSET:
                        want[f.name] = f.default() if callable(f.default) else f.default
                continue
            values = [left.pop(w) for w in given]
            if len(values) > 1 and values[0] != values[1]:
                raise Invalid(f"'{given[0]}' and '{given[1]}' do not match")
            want[f.name] = values[0] if f.read is None else self._read(f, values[0])
        if left:
            want["extra"] = left
        return want

    def _read(self, field: Field, value: Any) -> Any:
        assert field.read is not None
        try:
            return field.read(value)
        except ValueError as e:
            raise self.dialect.invalid_value(field.wire, value, str(e)) from None

    def guard(self, request: Request, operation: str, want: Want, target: Mapping[str, object]) -> None:
        """Rules of the fields that this body sets."""
        for f in self.flat:
            rule = f.guard.get(operation)
            if rule and f.name in want and not (want[f.name] == f.default and operation == "create"):
                request.enforce(rule, target)

    # --- operations -----------------------------------------------------------------------------------------------

    @property
    def item(self) -> str:
        return "{" + (self.id_name or f"{self.member}_id") + "}"

    def operations(self, dialect: Any) -> list[Operation]:
        """All that this class declares, ready for a `Face`."""
        self.dialect = dialect
        found: dict[str, Declared] = {}
        for klass in reversed(type(self).__mro__):
            found.update({name: d for name, d in vars(klass).items() if isinstance(d, Declared)})
        return [self._operation(name, d) for name, d in found.items()]

    def _operation(self, name: str, d: Declared) -> Operation:
        rule = self.rules.get(name, "") if d.rule is None else d.rule
        common: dict[str, Any] = {
            "name": name,
            "resource": self.member,
            "summary": d.summary or _first_line(d.fn),
            "since": d.since,
            "until": d.until,
            "public": d.public,
            "partly": d.partly,
            "query": d.query,
            "writes": d.writes,
            "optional_body": d.optional_body,
            "max_body": d.max_body,
            "kept": d.kept,
            "rule": "",
            "asks": rule,
        }
        build = getattr(self, f"_make_{d.kind}")
        return build(name, d, rule, common)  # type: ignore[no-any-return]

    def _make_list(self, name: str, d: Declared, rule: str, common: dict[str, Any]) -> Operation:
        where = "list" if d.path == "" or "detail" not in d.path else "show"

        def decide(tx: Tx, request: Request) -> Page[Any]:
            assert d.fn is not None
            return d.fn(tx, self.near, request.ctx, self.dialect.listing(request, self))  # type: ignore[no-any-return]

        def view(request: Request, page: Page[Any]) -> Any:
            if d.view is not None:
                return d.view(request, page)
            views = [self.view(request, row, where) for row in page.rows]
            return self.dialect.listed(request, self, views, page)

        common["rule"] = rule
        return Operation(
            method="GET", path=self.path + d.path, decide=decide, view=view, answers=d.answers or 200, **common
        )

    def _make_show(self, name: str, d: Declared, rule: str, common: dict[str, Any]) -> Operation:
        def decide(tx: Tx, request: Request) -> Any:
            row = self.row(tx, request, rule)
            return row if d.fn is None else d.fn(tx, self.near, request.ctx, row)

        return Operation(
            method="GET",
            path=f"{self.path}/{self.item}",
            decide=decide,
            view=d.view or self._member,
            answers=d.answers or 200,
            **common,
        )

    def _make_create(self, name: str, d: Declared, rule: str, common: dict[str, Any]) -> Operation:
        def one(tx: Tx, request: Request, want: Want) -> Any:
            assert d.fn is not None
            target = self.policy_target(tx, request, want)
            if rule:
                request.enforce(rule, target)
            self.guard(request, "create", want, target)
            return d.fn(tx, self.near, request.ctx, want)

        def decide(tx: Tx, request: Request) -> Any:
            want = request.gathered
            return [one(tx, request, w) for w in want] if isinstance(want, list) else one(tx, request, want)

        async def gather(request: Request) -> None:
            want = self.dialect.wants(request, self, "create", request.body, d.bulk)
            if d.gather is not None:
                if rule:
                    request.enforce(rule, self.policy_target(None, request, want if isinstance(want, dict) else {}))
                want = await d.gather(self.near, request.ctx, want)
            request.gathered = want

        def view(request: Request, made: Any) -> Any:
            if d.view is not None:
                return d.view(request, made)
            if isinstance(made, list):
                return {self.plural: [self.view(request, row) for row in made]}
            body = self._member(request, made)
            where = self.location(request, made)
            return Answer(d.answers, body, {"Location": where}) if where else body

        schema = self.dialect.body_schema(self, "create", d.bulk) if d.body is None else d.body
        return Operation(
            method="POST",
            path=self.path + d.path,
            decide=decide,
            gather=gather,
            view=view,
            answers=d.answers,
            body=schema,
            **common,
        )

    def _make_update(self, name: str, d: Declared, rule: str, common: dict[str, Any]) -> Operation:
        def decide(tx: Tx, request: Request) -> Any:
            assert d.fn is not None
            row = self.row(tx, request, rule)
            want = request.gathered
            self.before(tx, request, row, want)
            self.guard(request, "update", want, self.policy_target(tx, request, row))
            return d.fn(tx, self.near, request.ctx, row, want)

        async def gather(request: Request) -> None:
            want = self.dialect.wants(request, self, "update", request.body, False)
            request.gathered = want if d.gather is None else await d.gather(self.near, request.ctx, want)

        schema = self.dialect.body_schema(self, "update", False) if d.body is None else d.body
        return Operation(
            method=d.method or self.dialect.update_method,
            path=f"{self.path}/{self.item}",
            decide=decide,
            gather=gather,
            view=d.view or self._member,
            answers=d.answers or 200,
            body=schema,
            **common,
        )

    def _make_delete(self, name: str, d: Declared, rule: str, common: dict[str, Any]) -> Operation:
        def decide(tx: Tx, request: Request) -> Any:
            assert d.fn is not None
            row = self.row(tx, request, rule)
            self.before(tx, request, row, None)
            return d.fn(tx, self.near, request.ctx, row)

        return Operation(
            method="DELETE", path=f"{self.path}/{self.item}", decide=decide, view=d.view, answers=d.answers, **common
        )

    def _make_action(self, name: str, d: Declared, rule: str, common: dict[str, Any]) -> Operation:
        def decide(tx: Tx, request: Request) -> Any:
            assert d.fn is not None
            row = self.row(tx, request, rule)
            want = request.body[d.action] if request.gathered is None else request.gathered
            self.before(tx, request, row, want)
            return d.fn(tx, self.near, request.ctx, row, want)

        async def gather(request: Request) -> None:
            assert d.gather is not None
            request.gathered = await d.gather(self.near, request.ctx, request.body[d.action])

        return Operation(
            method="POST",
            path=f"{self.path}/{self.item}/action",
            decide=decide,
            gather=gather if d.gather is not None else None,
            view=d.view,
            answers=d.answers,
            action=d.action,
            body=_action_body(d.action, d.body),
            **common,
        )

    def _make_route(self, name: str, d: Declared, rule: str, common: dict[str, Any]) -> Operation:
        of_item = d.path.startswith(f"/{self.item}") and d.on_member

        def decide(tx: Tx, request: Request) -> Any:
            assert d.fn is not None
            if of_item:
                self.row(tx, request, rule)
            return d.fn(tx, self.near, request)

        async def gather(request: Request) -> None:
            assert d.gather is not None
            request.gathered = await d.gather(self.near, request)

        common["rule"] = "" if of_item else rule
        return Operation(
            method=d.method,
            path=self.path + d.path,
            decide=decide,
            gather=gather if d.gather is not None else None,
            view=d.view,
            answers=d.answers or 200,
            body=d.body,
            **common,
        )

    def _make_stream(self, name: str, d: Declared, rule: str, common: dict[str, Any]) -> Operation:
        assert d.fn is not None
        common["rule"] = rule
        common["writes"] = None
        return Operation(
            method=d.method,
            path=self.path + d.path,
            handle=partial(d.fn, self.near),
            raw=True,
            answers=d.answers or 200,
            **common,
        )

    def row(self, tx: Tx, request: Request, rule: str) -> Any:
        """The row that the path names, if the caller may do this to it; also left in `request.target`."""
        get = type(self).get
        assert get is not None, f"{type(self).__name__} has no get"
        row = get(tx, self.near, request.ctx, request.params[self.item[1:-1]])
        if rule:
            target = self.policy_target(tx, request, row)
            if not request.may(rule, target):
                raise self._denied(request, rule, target, row)
        request.target = row
        return row

    def _denied(self, request: Request, rule: str, target: Mapping[str, object], row: Any) -> Fault:
        try:
            request.enforce(rule, target)
        except Forbidden as fault:
            told = self.dialect.denied(request, self, fault, row)
            told.denial = fault.denial
            return told
        return Forbidden(f"Policy does not allow {rule}")

    def _member(self, request: Request, row: Any) -> Any:
        return self.dialect.member(request, self, self.view(request, row))


def _action_body(key: str, schema: Schema | Versioned | None) -> Schema | Versioned:
    if schema is None:
        return obj({key: ANY}, [key])
    if is_versioned(schema):
        return {first: obj({key: s}, [key]) for first, s in schema.items()}
    return obj({key: schema}, [key])


def _first_line(fn: Callable[..., Any] | None) -> str:
    return ((fn.__doc__ or "").strip().splitlines() or [""])[0] if fn is not None else ""
