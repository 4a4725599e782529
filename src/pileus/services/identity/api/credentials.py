"""Credentials: `/v3/credentials`."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pileus.kernel.rest import Field, Request, creates, deletes, lists, nullable, shows, updates
from pileus.kernel.types import Filter, Forbidden
from pileus.services.identity.api.noun import Filters, Noun, rules_of
from pileus.services.identity.core import credentials
from pileus.services.identity.core.primary import check_reaches_credentials

_TYPE = {"type": "string", "maxLength": 255}
_ID = {"type": "string", "maxLength": 64}


class Credentials(Noun):
    """Secrets that users keep here: of type `ec2`, `totp`, `cert` or any other."""

    member, plural, path = "credential", "credentials", "/v3/credentials"
    rules: ClassVar[dict[str, str]] = rules_of("credential")
    id = Field(_ID, on="show list")
    user_id = Field(_ID, required=True, match=True, sort=True)
    project_id = Field(nullable(_ID))
    type = Field(_TYPE, required=True, match=True, sort=True)
    blob = Field({"type": "string"}, required=True)

    get = credentials.get
    list = lists(credentials.list_page)
    show = shows()
    create = creates(credentials.create)
    update = updates(credentials.update)
    delete = deletes(credentials.delete)

    def facts(self, subject: Any) -> dict[str, Any]:
        names = ("id", "user_id", "project_id", "type")
        if isinstance(subject, Mapping):
            return {name: subject.get(name) for name in names}
        return {name: getattr(subject, name) for name in names}

    def enforce_list(self, request: Request, rule: str) -> None:
        """Everybody may list, and sees what `more_filters` leaves."""
        ctx = request.ctx
        request.enforce(rule, {"target": {} if ctx.system_scope else {"credential": {"user_id": ctx.user_id}}})

    def more_filters(self, request: Request) -> Filters:
        """Those who may not look at somebody else's see their own; a delegated token sees none."""
        try:
            check_reaches_credentials(self.near.keyring.open(request.ctx.token))
        except Forbidden:
            return [Filter("id", "eq", ("",))]
        if request.may("identity:get_credential", {"target": {"credential": {"user_id": ""}}}):
            return []
        return [Filter("user_id", "eq", (request.ctx.user_id,))]
