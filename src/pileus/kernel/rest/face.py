"""One service's API: its dialect, its operations, and the way from a request to an answer."""

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from pileus.kernel.db import Database, Page, Tx
from pileus.kernel.policy import Policy
from pileus.kernel.rest import denials
from pileus.kernel.rest.certificates import thumbprint
from pileus.kernel.rest.dialect import Dialect
from pileus.kernel.rest.operations import Decide, Operation, Place, Ready
from pileus.kernel.rest.reach import reaches
from pileus.kernel.rest.remembered import Remembered
from pileus.kernel.rest.request import Answer, Request, decode, encode
from pileus.kernel.rest.resource import Resource
from pileus.kernel.rest.router import Router
from pileus.kernel.types import Ctx, Fault, NotAllowed, NotBuilt, Reach, Unauthorized, Unsupported, Version

log = logging.getLogger("pileus.rest")
Authenticate: TypeAlias = Callable[[str, str], Awaitable[Ctx]]
"""(token, service token) -> the caller. Raises `Unauthorized`."""
Takes: TypeAlias = Callable[[str, str, str, Mapping[str, str]], bool]
"""(method, path, query string, headers) -> whether a request is this face's."""


class Face:
    """What a service shows: `Face("compute", dialect, policy, db, [Servers(near), Operation(…)])`."""

    def __init__(
        self,
        name: str,
        dialect: Dialect,
        policy: Policy,
        db: Database,
        items: Iterable[Resource[Any] | Operation],
        authenticate: Authenticate | None = None,
        body_timeout: float = 60.0,
        suffixes: tuple[str, ...] = (),
    ) -> None:
        self.name, self.dialect, self.policy, self.db = name, dialect, policy, db
        self.authenticate = authenticate
        self.body_timeout = body_timeout
        self.suffixes = suffixes
        """Endings of paths that mean nothing (`.json`)."""
        self.types: Collection[str] = ()
        """What the catalog calls this service; callers bounded to services of some types are held against it."""
        self.remembered = Remembered(db.stamps) if db is not None and db.stamps is not None else None
        self.beside: list[tuple[Takes, Face]] = []
        """Other faces at the same door, each asked in turn whether a request is its own: another API on the same paths."""
        self.operations: list[Operation] = []
        self.router: Router[dict[str, Place]] = Router()
        for item in items:
            for op in item.operations(dialect) if isinstance(item, Resource) else (item,):
                self.add(op)

    def add(self, op: Operation) -> None:
        self.operations.append(op)
        self.router.add(op.path, {}).setdefault(op.method, Place()).add(op)

    def call_it(self, types: Collection[str]) -> None:
        """Tell the face, and those beside it, what the catalog calls their service."""
        self.types = frozenset(types)
        for _, face in self.beside:
            face.call_it(types)

    def pick(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> "Face":
        """The face that a request is for."""
        return next((face for takes, face in self.beside if takes(method, path, query, headers)), self)

    async def answer(
        self, request: Request, token: str = "", service_token: str = "", ctx: Ctx | None = None
    ) -> Answer:
        """Run one request. Every refusal comes back in the service's own form; nothing is raised.

        `ctx` is a caller already known (the in-process front, or an anonymous one that carries request id and address).
        """
        request.policy = self.policy
        request.body_timeout = self.body_timeout
        request.ctx = ctx or request.ctx
        denial, reason = None, "the service refuses it"
        try:
            answer = await self._run(request, token, service_token)
        except Answer as early:
            answer = early
        except Fault as fault:
            answer = self._refuse(request, fault)
            denial, reason = fault.denial, fault.message
        except Exception:
            path, extra = self.dialect.logged(request.path), {"request_id": request.ctx.request_id}
            log.exception("%s %s failed", request.method, path, extra=extra)
            answer = self._refuse(
                request, Fault("The server has either erred or is incapable of performing the requested operation.")
            )
        denial = denial or answer.denial
        if denial is not None or answer.status == 403:
            path = self.dialect.logged(request.path)
            denials.tell(self.name, self.policy, request, path, answer.status, reason, denial)
        for name, value in self.dialect.version_headers(request).items():
            answer.headers.setdefault(name, value)
        return answer

    def _refuse(self, request: Request, fault: Fault) -> Answer:
        answer = self.dialect.fault(request, fault)
        for name, value in fault.headers.items():
            answer.headers.setdefault(name, value)
        return answer

    async def _run(self, request: Request, token: str, service_token: str) -> Answer:
        found = self.router.find(self._trimmed(self.dialect.route(request)))
        methods = found[0] if found is not None else {}
        place = methods.get(request.method) or (methods.get("GET") if request.method == "HEAD" else None)
        if request.method == "OPTIONS" and place is None and found is not None and self.dialect.tells_methods:
            return Answer(200, headers={"Allow": _allowed({**methods, "OPTIONS": None})})
        if found is None and not token and not self.dialect.auth_first:
            raise self.dialect.no_route(request)
        public = place is not None and place.public
        if not public or token:
            await self._know(request, token, service_token, public, place)
        self.dialect.admit(request)
        if found is None:
            raise self.dialect.no_route(request)
        if place is None:
            raise self._not_allowed(request, methods)
        request.params = found[1]
        request.version = self.dialect.negotiate(request)
        ready = place.pick(request.version)
        if ready is None or place.actions:
            ready = await self._pick_action(request, place, ready)
        elif ready.body is not None:
            await self._take_body(request, ready)
        if ready.op.kept and self.remembered is not None and request.known is not None:
            return await self._recalled(request, ready, self.remembered, request.known)
        return await self._perform(request, ready)

    async def _recalled(self, request: Request, ready: Ready, remembered: Remembered, known: Ctx) -> Answer:
        """The answer of last time while nothing that it was read from has changed."""
        if ready.op.gather is not None:
            await ready.op.gather(request)
        key = (request.method, request.base, request.path, request.version, tuple(request.query.pairs), known.token)
        kept = remembered.recall(key, known)
        if kept is not None:
            return kept
        answer = await self._perform(request, ready, remembered)
        if answer.stream is None and answer.raw is None:
            answer.raw, answer.media = encode(answer.body), self.dialect.json_media
        if request.read_from is not None:
            remembered.keep(key, known, request.read_from, answer)
        return answer

    def _trimmed(self, path: str) -> str:
        for suffix in self.suffixes:
            if path.endswith(suffix):
                return path[: -len(suffix)]
        return path

    async def _know(self, request: Request, token: str, service_token: str, public: bool, place: Place | None) -> None:
        """Put the caller behind the token into `request.ctx`; one that is already known stays."""
        if request.ctx.user_id:
            return
        if self.authenticate is None or not token:
            if public:
                return
            raise Unauthorized("The request you have made requires authentication.")
        try:
            known = await self.authenticate(token, service_token)
            if known.bound_to and known.bound_to != (request.certificate and thumbprint(request.certificate)):
                raise Unauthorized("The request you have made requires authentication.")
            if known.reach is not None:
                self._check_reach(request, known.reach, place)
        except Unauthorized:
            if public:
                return
            raise
        request.known, request.ctx = known, _as_caller(known, request.ctx)

    def _check_reach(self, request: Request, reach: Iterable[Reach], place: Place | None) -> None:
        """Raises `Unauthorized`, as for a token that is worth nothing here. A call from service to service is not held against it."""
        if place is not None and any(ready.op.unbounded for ready in place.plain):
            return
        written = urlsplit(request.base).path + request.path
        if not reaches(reach, self.types, request.method, {request.path, written}):
            raise Unauthorized("The request you have made requires authentication.")

    def _not_allowed(self, request: Request, methods: Mapping[str, Place]) -> Fault:
        fault = NotAllowed(
            f"The method {request.method} is not allowed for this resource.", type="HTTPMethodNotAllowed"
        )
        fault.headers["Allow"] = _allowed(methods)
        return fault

    async def _pick_action(self, request: Request, place: Place, ready: Ready | None) -> Ready:
        """The operation that the body's one key names."""
        if not place.actions:
            raise self.dialect.no_version_of(request)
        body = decode(await request.read(self.dialect.max_body))
        if not isinstance(body, dict) or len(body) != 1:
            raise self.dialect.bad_actions()
        name = next(iter(body))
        if name not in place.actions:
            raise self.dialect.no_action(name)
        found = place.pick_action(name, request.version)
        if found is None:
            raise self.dialect.no_version_of(request)
        request.body = body
        self._judge(request, found)
        return found

    async def _take_body(self, request: Request, ready: Ready) -> None:
        raw = await request.read(ready.op.max_body or self.dialect.max_body)
        if not raw and ready.op.optional_body:
            return
        media = request.headers.get("content-type", "")
        if media and not self.dialect.reads(media):
            raise Unsupported(
                f"Unsupported Content-Type {media.split(';')[0]!r}: this operation reads application/json."
            )
        request.body = decode(raw)
        self._judge(request, ready)

    def _judge(self, request: Request, ready: Ready) -> None:
        assert ready.body is not None
        problems = ready.body.at(request.version).problems(request.body)
        if problems:
            raise self.dialect.invalid_body(problems)

    async def _perform(self, request: Request, ready: Ready, remembered: Remembered | None = None) -> Answer:
        op = ready.op
        if ready.query is not None:
            problems = ready.query.at(request.version).problems(request.query.lists())
            if problems:
                raise self.dialect.invalid_query(problems)
        if op.rule:
            request.enforce(op.rule)
        if op.handle is not None:
            return await op.handle(request)
        if op.gather is not None and remembered is None:
            await op.gather(request)
        result: Any = None
        if op.decide is not None:
            run = self.db.read if op.reads_only else self.db.write
            decide = op.decide if remembered is None else _noting(op.decide, remembered)
            result = await run(decide, request)
        if op.view is not None:
            result = op.view(request, result)
        return result if isinstance(result, Answer) else Answer(op.answers, result)


def _noting(decide: Decide, remembered: Remembered) -> Decide:
    """The same decision, with note taken of the tables that it read and how they stood."""

    def noted(tx: Tx, request: Request) -> Any:
        tx.tables = set()
        result = decide(tx, request)
        request.read_from = remembered.stamps_of(tx.tables)
        return result

    return noted


def _allowed(methods: Mapping[str, object]) -> str:
    return ", ".join(sorted({*methods, *(["HEAD"] if "GET" in methods else [])} - {"WEBSOCKET"}))


def _as_caller(known: Ctx, anonymous: Ctx) -> Ctx:
    """The known caller in this request: its id, address and version instead of the token's."""
    return Ctx(
        request_id=anonymous.request_id,
        user_id=known.user_id,
        user_name=known.user_name,
        user_domain_id=known.user_domain_id,
        user_domain_name=known.user_domain_name,
        project_id=known.project_id,
        project_name=known.project_name,
        project_domain_id=known.project_domain_id,
        project_domain_name=known.project_domain_name,
        domain_id=known.domain_id,
        domain_name=known.domain_name,
        system_scope=known.system_scope,
        roles=known.roles,
        service_roles=known.service_roles,
        trust_id=known.trust_id,
        app_credential_id=known.app_credential_id,
        reach=known.reach,
        bound_to=known.bound_to,
        token=known.token,
        expires_at=known.expires_at,
        address=anonymous.address,
        agent=anonymous.agent,
        version=anonymous.version,
        global_request_id=anonymous.global_request_id,
    )


def absent(method: str, path: str, action: str = "") -> Operation:
    """What the emulated service has and Pileus does not yet: answered with 501 in the service's form, and listed as such."""

    async def handle(request: Request) -> Answer:
        raise NotBuilt(f"{request.method} {path}{' #' + action if action else ''} is not built in Pileus yet.")

    def decide(tx: Tx, request: Request) -> Page[Any]:
        raise NotBuilt(f"{request.method} {path} #{action} is not built in Pileus yet.")

    if action:
        return Operation(
            method=method,
            path=path,
            action=action,
            decide=decide,
            body={},
            writes=False,
            partly="absent",
            summary="not yet",
        )
    return Operation(method=method, path=path, handle=handle, partly="absent", raw=True, summary="not yet")


__all__ = ["Authenticate", "Face", "Version", "absent"]
