"""Nouns whose ids the client chooses: made by PUT of the item, with strict bodies."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, ClassVar, TypeAlias

from pileus.kernel.rest import Operation, Request
from pileus.services.identity.api.noun import Noun

Gather: TypeAlias = Callable[[Request], Awaitable[None]]


class Chosen(Noun):
    """`path` is that of the collection; there is no POST."""

    rules: ClassVar[dict[str, str]]

    def facts(self, subject: Any) -> dict[str, Any]:
        return {}

    def link(self, request: Request, row: Any) -> str:
        return request.link(f"{self.path}/{row.id}")

    def extend(self, request: Request, row: Any, view: dict[str, Any]) -> None:
        view["links"] = {"self": self.link(request, row)}

    def before(self, tx: Any, request: Request, row: Any, want: dict[str, Any] | None) -> None:
        """Strict bodies cannot name another id."""

    def _make_create(self, name: str, d: Any, rule: str, common: dict[str, Any]) -> Operation:
        made = super()._make_create(name, d, rule, common)
        return replace(made, method="PUT", path=f"{self.path}/{self.item}", gather=self._enveloped(made, named=True))

    def _make_update(self, name: str, d: Any, rule: str, common: dict[str, Any]) -> Operation:
        made = super()._make_update(name, d, rule, common)
        return replace(made, gather=self._enveloped(made))

    def _enveloped(self, made: Operation, named: bool = False) -> Gather:
        """A body may leave its envelope out where the schema lets it; `named` puts the path's id into the wish."""

        async def gather(request: Request) -> None:
            assert made.gather is not None
            request.body.setdefault(self.member, {})
            await made.gather(request)
            if named:
                request.gathered["id"] = request.params[self.item[1:-1]]

        return gather
