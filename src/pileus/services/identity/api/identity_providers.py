"""Identity providers and their protocols."""

from typing import Any, ClassVar

from pileus.kernel.db import Page, Tx
from pileus.kernel.rest import (
    BOOLEAN,
    Field,
    Operation,
    Request,
    array,
    creates,
    deletes,
    integer,
    lists,
    nullable,
    obj,
    shows,
    text,
    updates,
)
from pileus.services.identity.api.chosen import Chosen
from pileus.services.identity.api.dialect import KeystoneDialect
from pileus.services.identity.api.noun import ID, SWITCH, TEXT, Noun, rules_of, switch
from pileus.services.identity.core import identity_providers, protocols
from pileus.services.identity.core.neighbours import Near
from pileus.services.identity.db.identity_providers import ProtocolRow, ProviderRow

_CHANGEABLE = {
    "enabled": SWITCH,
    "description": nullable(TEXT),
    "remote_ids": nullable(array(text(255), unique=True)),
    "authorization_ttl": nullable(integer(0, 2**31 - 1)),
}
_CREATE = obj({"identity_provider": obj({**_CHANGEABLE, "domain_id": nullable(ID)})}, extra=True)
_UPDATE = obj({"identity_provider": {**obj(_CHANGEABLE), "minProperties": 1}}, ["identity_provider"], extra=True)


class IdentityProviders(Chosen):
    """Those who say for us who somebody is."""

    member, plural, path = "identity_provider", "identity_providers", "/v3/OS-FEDERATION/identity_providers"
    id_name = "idp_id"
    rules: ClassVar[dict[str, str]] = rules_of("identity_provider")
    id = Field(ID, on="show list", match=True)
    domain_id = Field(nullable(ID), on="show list create")
    enabled = Field(BOOLEAN, take=SWITCH, read=switch, match=True)
    description = Field(nullable(TEXT))
    remote_ids = Field(_CHANGEABLE["remote_ids"])
    authorization_ttl = Field(_CHANGEABLE["authorization_ttl"])

    get = identity_providers.get
    list = lists(identity_providers.list_page)
    show = shows()
    create = creates(identity_providers.create, body=_CREATE)
    update = updates(identity_providers.update, body=_UPDATE)
    delete = deletes(identity_providers.delete)

    def extend(self, request: Request, row: ProviderRow, view: dict[str, Any]) -> None:
        super().extend(request, row, view)
        if "idp_id" not in request.params:
            view["links"]["protocols"] = f"{self.link(request, row)}/protocols"


_MAPPING_ID = {"type": "string"}
_ATTRIBUTE = text(64)
_PROTOCOL = obj({"mapping_id": _MAPPING_ID, "remote_id_attribute": _ATTRIBUTE}, ["mapping_id"])
_MAKE = obj({"protocol": _PROTOCOL}, ["protocol"], extra=True)
_CHANGE = obj({"protocol": {**_PROTOCOL, "minProperties": 1}}, ["protocol"], extra=True)
_MANY = "/v3/OS-FEDERATION/identity_providers/{idp_id}/protocols"
_ONE = _MANY + "/{protocol_id}"


class Protocols(Noun):
    """Ways to speak to an identity provider."""

    member, plural, path = "protocol", "protocols", _MANY
    id = Field(ID, on="show list")
    mapping_id = Field(_MAPPING_ID)

    def __init__(self, near: Near, dialect: KeystoneDialect) -> None:
        super().__init__(near)
        self.dialect = dialect

    def all_operations(self) -> list[Operation]:
        return [
            _op("GET", _MANY, "list", "list_protocols", "Protocols of an identity provider.", decide=self._list, view=self._view_list),
            _op("GET", _ONE, "show", "get_protocol", "One protocol.", decide=self._show, view=_view_one),
            _op("PUT", _ONE, "create", "create_protocol", "Add a protocol.", decide=self._create, view=_view_one, body=_MAKE, answers=201),
            _op("PATCH", _ONE, "update", "update_protocol", "Change a protocol's mapping.", decide=self._update, view=_view_one, body=_CHANGE),
            _op("DELETE", _ONE, "delete", "delete_protocol", "Remove a protocol.", decide=self._delete, answers=204),
        ]  # fmt: skip

    def _list(self, tx: Tx, request: Request) -> Page[ProtocolRow]:
        return protocols.list_page(tx, request.params["idp_id"], self.dialect.listing(request, self))

    def _show(self, tx: Tx, request: Request) -> ProtocolRow:
        return protocols.get(tx, **_names(request))

    def _create(self, tx: Tx, request: Request) -> ProtocolRow:
        return protocols.create(tx, self.near, request.ctx, **_names(request), want=request.body["protocol"])

    def _update(self, tx: Tx, request: Request) -> ProtocolRow:
        return protocols.update(tx, self.near, request.ctx, **_names(request), want=request.body["protocol"])

    def _delete(self, tx: Tx, request: Request) -> None:
        protocols.delete(tx, self.near, request.ctx, **_names(request))

    def _view_list(self, request: Request, page: Page[ProtocolRow]) -> Any:
        views = [
            {**_view(request, row), "idp_id": row.provider_id, "remote_id_attribute": row.remote_id_attribute}
            for row in page.rows
        ]
        return self.dialect.listed(request, self, views, page)


def _names(request: Request) -> dict[str, str]:
    return {"provider_id": request.params["idp_id"], "id": request.params["protocol_id"]}


def _view(request: Request, row: ProtocolRow) -> dict[str, Any]:
    """The links lead nowhere, in Keystone too: they are what clients see there."""
    links = {
        "self": request.link(f"/v3/protocols/{row.id}"),
        "identity_provider": request.link(f"/v3/{row.provider_id}"),
    }
    return {"id": row.id, "mapping_id": row.mapping_id, "links": links}


def _view_one(request: Request, row: ProtocolRow) -> Any:
    return {"protocol": _view(request, row)}


def _op(method: str, path: str, name: str, rule: str, summary: str, **more: Any) -> Operation:
    return Operation(
        method=method, path=path, name=name, resource="protocol", rule=f"identity:{rule}", summary=summary, **more
    )
