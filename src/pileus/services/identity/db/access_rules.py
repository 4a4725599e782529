"""Access rules: the requests that some application credentials may make; a rule belongs to a user and serves several credentials."""

from collections.abc import Iterable

from msgspec import Struct
from sqlalchemy import Column, Index, String, Table, bindparam, delete, insert, select

from pileus.kernel.db import Query, Tx, metadata
from pileus.services.identity.db.filters import by_name
from pileus.services.identity.db.keyed import Keyed

access_rules = Table(
    "identity_access_rule",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("service", String(64), nullable=False),
    Column("path", String(225), nullable=False),
    Column("method", String(16), nullable=False),
    Index("identity_access_rule_same", "user_id", "service", "path", "method", unique=True),
)
uses = Table(
    "identity_access_rule_use",
    metadata,
    Column("app_credential_id", String(64), primary_key=True),
    Column("access_rule_id", String(64), primary_key=True),
    Index("identity_access_rule_use_rule", "access_rule_id"),
)


class AccessRuleRow(Struct, frozen=True):
    id: str
    user_id: str
    service: str
    path: str
    method: str

    @property
    def shown(self) -> dict[str, str]:
        """As application credentials and tokens tell of it."""
        return {"id": self.id, "service": self.service, "path": self.path, "method": self.method}


_c, _u = access_rules.c, uses.c
FIELDS = by_name(access_rules, "id", "user_id", "service", "path", "method")
_keyed = Keyed(access_rules, AccessRuleRow, FIELDS)
find, list_page, add, remove = _keyed.find, _keyed.page, _keyed.add, _keyed.remove
_FIND_SAME = Query(
    select(access_rules).where(
        _c.user_id == bindparam("user_id"),
        _c.service == bindparam("service"),
        _c.path == bindparam("path"),
        _c.method == bindparam("method"),
    ),
    into=AccessRuleRow,
)
_OF_MANY = Query(
    select(_u.app_credential_id, *_c)
    .join(access_rules, _c.id == _u.access_rule_id)
    .where(_u.app_credential_id.in_(bindparam("ids", expanding=True)))
    .order_by(_u.app_credential_id, _c.service, _c.path, _c.method)
)
_IN_USE = Query(select(_u.app_credential_id).where(_u.access_rule_id == bindparam("rule")))
_USE = Query(insert(uses))
_DELETE_OF_USER = Query(delete(access_rules).where(_c.user_id == bindparam("user")))


def find_same(tx: Tx, user_id: str, service: str, path: str, method: str) -> AccessRuleRow | None:
    return tx.row(_FIND_SAME, user_id=user_id, service=service, path=path, method=method)


def of_credentials(tx: Tx, app_credential_ids: Iterable[str]) -> dict[str, list[AccessRuleRow]]:
    """Rules by application credential; those that have none are not in it."""
    found: dict[str, list[AccessRuleRow]] = {}
    for credential_id, *rule in tx.rows(_OF_MANY, ids=list(app_credential_ids)):
        found.setdefault(credential_id, []).append(AccessRuleRow(*rule))
    return found


def in_use(tx: Tx, id: str) -> bool:
    return tx.row(_IN_USE, rule=id) is not None


def use(tx: Tx, app_credential_id: str, rule_ids: Iterable[str]) -> None:
    for id in rule_ids:
        tx.run(_USE, app_credential_id=app_credential_id, access_rule_id=id)


def remove_of_user(tx: Tx, user_id: str) -> None:
    tx.run(_DELETE_OF_USER, user=user_id)
