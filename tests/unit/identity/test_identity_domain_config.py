"""Options of domains: what is sealed, what the file may say, what is made of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from identity_cloud import Cloud
from pileus.kernel.config import ConfigError, Settings
from pileus.kernel.db import Database
from pileus.services.identity import service
from pileus.services.identity.core import directories, domain_config
from pileus.services.identity.core.settings import IdentitySettings

SECRET = "Directory-Secret-9"


async def _configured(cloud: Cloud, admin: str, **options: Any) -> str:
    domain = await cloud.make("domain", admin, name="corp")
    config = {"config": {"identity": {"driver": "ldap"}, "ldap": {"password": SECRET, **options}}}
    reply = await cloud.ok("PUT", f"/v3/domains/{domain['id']}/config", admin, config)
    assert "password" not in reply.body["config"]["ldap"]
    return str(domain["id"])


async def test_sensitive_options_are_sealed_and_survive_new_keys(cloud: Cloud, admin: str) -> None:
    id = await _configured(cloud, admin, user="cn=%(password)s", page_size="7", user_attribute_ignore="a, b")
    for table in ("identity_domain_option", "kernel_events"):
        rows = await cloud.db.read(
            lambda tx, table=table: [tuple(r) for r in tx.execute(text(f"SELECT * FROM {table}"))]
        )
        assert rows
        assert SECRET not in repr(rows)
    for _ in range(2):
        home = await cloud.db.read(directories.find_home, cloud.near, id)
        assert home is not None
        options = home.options
        assert (options.password, options.user, options.page_size) == (SECRET, f"cn={SECRET}", 7)
        assert options.user_attribute_ignore == ("a", "b")
        await cloud.db.write(cloud.near.vault.rotate, 0)
        await cloud.db.write(cloud.near.vault.renew)
        cloud.near.vault._seen.clear()


async def test_substitutions_that_cannot_be_made(cloud: Cloud, admin: str) -> None:
    id = await _configured(cloud, admin, user="cn=%(nobody)s", suffix="100%(")
    home = await cloud.db.read(directories.find_home, cloud.near, id)
    assert home is not None
    assert (home.options.user, home.options.suffix) == ("cn=%(nobody)s", "100%(")


@pytest.mark.parametrize(
    "domains",
    [
        {"corp": {"nope": {"a": 1}}},
        {"corp": {"ldap": {"nope": 1}}},
        {"corp": {"ldap": {"page_size": "many"}}},
        {"corp": {"ldap": {"query_scope": "all"}}},
        {"corp": {"ldap": {"pool_size": 0}}},
    ],
)
async def test_a_file_that_cannot_be_meant(database: Database, domains: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="corp"):
        service.build(db=database, settings=Settings({"identity": IdentitySettings(domains=domains)}))


_OPTION = st.sampled_from(["url", "page_size", "use_tls", "user_attribute_ignore", "pool_retry_delay", "query_scope"])
_VALUE = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=8), st.lists(st.text(max_size=3)))


@given(st.dictionaries(_OPTION, _VALUE, min_size=1))
def test_whatever_is_taken_makes_options(options: dict[str, Any]) -> None:
    """A value is refused where it is given, or can be used later: nothing in between."""
    if domain_config.check_written({"corp": {"ldap": options}}):
        return
    made = domain_config.directory_options({"identity": {"driver": "ldap"}, "ldap": options})
    assert made is not None
    assert made.page_size >= 0


async def test_a_domain_bounds_its_lists(cloud: Cloud, admin: str) -> None:
    """`list_limit` holds for users of our own as well."""
    domain = await cloud.make("domain", admin, name="many")
    for n in range(3):
        await cloud.make("user", admin, name=f"u{n}", domain_id=domain["id"])
    config = {"config": {"identity": {"list_limit": 2}}}
    await cloud.ok("PUT", f"/v3/domains/{domain['id']}/config", admin, config)
    first = await cloud.ok("GET", f"/v3/users?domain_id={domain['id']}", admin)
    assert len(first.body["users"]) == 2
    assert first.body["truncated"] is True
    assert len((await cloud.ok("GET", f"/v3/users?domain_id={domain['id']}&limit=1", admin)).body["users"]) == 1
