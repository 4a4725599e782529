"""`/v3/OS-OAUTH1/consumers`."""

from typing import Any, ClassVar

from pileus.kernel.rest import Field, Request, creates, deletes, lists, nullable, shows, updates
from pileus.services.identity.api.noun import ID, TEXT, Noun, rules_of
from pileus.services.identity.core import consumers


class Consumers(Noun):
    """Programs to which users may hand out access tokens."""

    member, plural, path = "consumer", "consumers", "/v3/OS-OAUTH1/consumers"
    rules: ClassVar[dict[str, str]] = rules_of("consumer")
    id = Field(ID, on="show list")
    description = Field(nullable(TEXT), match=True)

    get = consumers.get
    list = lists(consumers.list_page)
    show = shows()
    create = creates(consumers.create)
    update = updates(consumers.update)
    delete = deletes(consumers.delete)

    def extend(self, request: Request, row: Any, view: dict[str, Any]) -> None:
        super().extend(request, row, view)
        if request.method == "POST":
            view["secret"] = row.secret

    def facts(self, subject: Any) -> dict[str, Any]:
        return {}
