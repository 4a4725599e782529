"""Nouns that a directory may know better: it is asked before they are shown, once the caller may look."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, ClassVar

from pileus.kernel.db import Tx
from pileus.kernel.rest import Operation, Request
from pileus.kernel.types import Forbidden, NotFound
from pileus.services.identity.api.noun import Noun
from pileus.services.identity.core import consulting, directories
from pileus.services.identity.db.public_ids import Kind


class Consulted(Noun):
    """Users and groups."""

    kind: ClassVar[Kind]

    def _make_list(self, name: str, d: Any, rule: str, common: dict[str, Any]) -> Operation:
        made = super()._make_list(name, d, rule, common)

        async def gather(request: Request) -> None:
            self.enforce_list(request, rule)
            near, query = self.near, request.query
            domain_id = request.ctx.domain_id or query.one("domain_id")
            if not domain_id:
                return
            home, limit = await near.db.read(directories.find_source, near, domain_id)
            name = query.one("name") or ""
            if home is not None and name != (written := await consulting.refresh_list(near, home, self.kind, name)):
                query.pairs = [(key, written if key == "name" else value) for key, value in query.pairs]
            if limit:
                query.pairs.append(("limit", str(min(self.dialect.limit(query.one("limit")) or limit, limit))))

        return replace(made, gather=gather)

    def _make_show(self, name: str, d: Any, rule: str, common: dict[str, Any]) -> Operation:
        return replace(
            super()._make_show(name, d, rule, common), gather=consult(f"{self.member}_id", rule, self, False)
        )


def consult(parameter: str, rule: str, noun: Noun, whole: bool = True) -> Callable[[Request], Awaitable[None]]:
    """A `gather` that asks the directory of the one in the path; `whole`: of all its memberships too."""

    def may(tx: Tx, request: Request) -> bool:
        try:
            noun.row(tx, request, rule)
        except NotFound:
            return True
        except Forbidden:
            return False
        return True

    async def gather(request: Request) -> None:
        near, id = noun.near, request.params[parameter]
        home = await near.db.read(consulting.home_of, near, id)
        if home is not None and await near.db.read(may, request):
            await consulting.refresh(near, home, id, whole)

    return gather
