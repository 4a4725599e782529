"""Service providers: other clouds that trust this one."""

from typing import ClassVar

from pileus.kernel.rest import BOOLEAN, Field, creates, deletes, lists, nullable, obj, shows, text, updates
from pileus.services.identity.api.chosen import Chosen
from pileus.services.identity.api.noun import ID, SWITCH, TEXT, rules_of, switch
from pileus.services.identity.core import service_providers

_URL = text(225, pattern="^[a-zA-Z0-9+.-]+:.+")
_FIELDS = {
    "auth_url": _URL,
    "sp_url": _URL,
    "description": nullable(TEXT),
    "enabled": SWITCH,
    "relay_state_prefix": nullable(text(256)),
}
_CREATE = obj({"service_provider": obj(_FIELDS, ["auth_url", "sp_url"])}, ["service_provider"], extra=True)
_UPDATE = obj({"service_provider": {**obj(_FIELDS), "minProperties": 1}}, ["service_provider"], extra=True)


class ServiceProviders(Chosen):
    """Other clouds that let our users in."""

    member, plural, path = "service_provider", "service_providers", "/v3/OS-FEDERATION/service_providers"
    id_name = "sp_id"
    rules: ClassVar[dict[str, str]] = rules_of("service_provider")
    id = Field(ID, on="show list", match=True)
    auth_url = Field(_URL)
    sp_url = Field(_URL)
    description = Field(nullable(TEXT))
    enabled = Field(BOOLEAN, take=SWITCH, read=switch, match=True)
    relay_state_prefix = Field(_FIELDS["relay_state_prefix"])

    get = service_providers.get
    list = lists(service_providers.list_page)
    show = shows()
    create = creates(service_providers.create, body=_CREATE)
    update = updates(service_providers.update, body=_UPDATE)
    delete = deletes(service_providers.delete)
