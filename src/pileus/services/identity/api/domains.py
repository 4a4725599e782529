"""Domains."""

from typing import Any, ClassVar

from pileus.kernel.rest import BOOLEAN, Field, creates, deletes, lists, nullable, shows, updates
from pileus.services.identity.api.noun import ID, IMMUTABLE, SHORT_NAME, SWITCH, TEXT, Noun, rules_of, switch
from pileus.services.identity.api.projects import TAGS
from pileus.services.identity.core import domains


class Domains(Noun):
    """Where users, groups and projects have their names."""

    member, plural, path = "domain", "domains", "/v3/domains"
    firm_filters: ClassVar[bool] = True
    kept = True
    rules: ClassVar[dict[str, str]] = rules_of("domain")
    reveals: ClassVar[frozenset[str]] = frozenset({"identity:update_domain", "identity:delete_domain"})
    id = Field(ID, on="show list")
    name = Field(SHORT_NAME, required=True, match=True, sort=True)
    description = Field(nullable(TEXT))
    enabled = Field(BOOLEAN, take=SWITCH, read=switch, match=True, sort=True)
    tags = Field(TAGS)
    options = Field(IMMUTABLE)
    explicit_domain_id = Field(ID, on="create")

    get = domains.get
    list = lists(domains.list_page)
    show = shows()
    create = creates(domains.create)
    update = updates(domains.update)
    delete = deletes(domains.delete)

    def facts(self, subject: Any) -> dict[str, Any]:
        return {} if isinstance(subject, dict) else {"id": subject.id, "name": subject.name}
