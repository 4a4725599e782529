"""Directories against a real OpenLDAP. Tests are named after the rules of `drivers/directory/protocol.py`."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import logging
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pileus.drivers.directory.ldap import LdapDirectory, connections
from pileus.drivers.directory.protocol import DirectoryDown, DirectoryOptions, DirectoryRefused, Person
from slapd import ACTIVE, ADMIN, ADMIN_PASSWORD, SUFFIX, UNIX, Slapd


def unix(server: Slapd, **more: Any) -> DirectoryOptions:
    given: dict[str, Any] = {
        "url": server.url, "user": ADMIN, "password": ADMIN_PASSWORD, "suffix": SUFFIX,
        "user_tree_dn": f"ou=people,{SUFFIX}", "user_id_attribute": "uid", "user_name_attribute": "uid",
        "user_enabled_attribute": "employeeType", "group_tree_dn": f"ou=groups,{SUFFIX}", "group_name_attribute": "cn",
    }  # fmt: skip
    return DirectoryOptions(**{**given, **more})


def active(server: Slapd, **more: Any) -> DirectoryOptions:
    given: dict[str, Any] = {
        "url": server.url, "user": ADMIN, "password": ADMIN_PASSWORD, "suffix": SUFFIX, "query_scope": "sub",
        "user_tree_dn": f"ou=Users,{SUFFIX}", "user_objectclass": "user", "user_id_attribute": "cn",
        "user_name_attribute": "sAMAccountName", "user_enabled_attribute": "userAccountControl", "user_enabled_mask": 2,
        "user_enabled_default": "512", "group_tree_dn": f"ou=Users,{SUFFIX}", "group_objectclass": "group",
        "group_name_attribute": "sAMAccountName", "page_size": 1,
    }  # fmt: skip
    return DirectoryOptions(**{**given, **more})


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An authority, and a certificate of it for 127.0.0.1."""
    place, now = tmp_path_factory.mktemp("tls"), datetime.datetime.now(datetime.UTC)
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])

    def made(subject: x509.Name, public: Any, *more: Any) -> x509.Certificate:
        builder = x509.CertificateBuilder(ca_name, subject, public, x509.random_serial_number())
        builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        for extension, critical in more:
            builder = builder.add_extension(extension, critical)
        return builder.sign(authority, hashes.SHA256())

    root = made(ca_name, authority.public_key(), (x509.BasicConstraints(True, None), True))
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    leaf = made(name, key.public_key(), (addresses, False))
    files = {name: place / name for name in ("ca", "crt", "key")}
    files["ca"].write_bytes(root.public_bytes(serialization.Encoding.PEM))
    files["crt"].write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    files["key"].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, certificates: dict[str, Path]) -> Iterator[Slapd]:
    server = Slapd(tmp_path_factory.mktemp("unix") / "ldap", UNIX, (certificates["crt"], certificates["key"])).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    server = Slapd(tmp_path_factory.mktemp("active") / "ldap", ACTIVE).start()
    yield server
    server.stop()


@asynccontextmanager
async def opened(options: DirectoryOptions) -> AsyncIterator[LdapDirectory]:
    directory = LdapDirectory(options)
    try:
        yield directory
    finally:
        await directory.close()


async def named(directory: LdapDirectory, name: str) -> Person:
    (person,) = await directory.people(name=name)
    return person


async def test_d3_people_are_read(site: Slapd) -> None:
    mapping = ("telephoneNumber:phones", "sn:family", "userPassword:secret")
    async with opened(unix(site, user_additional_attribute_mapping=mapping)) as directory:
        people = {person.id: person for person in await directory.people()}
        assert sorted(people) == ["alice", "bob", "carol"], "who has no uid is left out"
        alice = people["alice"]
        assert (alice.name, alice.email, alice.description) == ("alice", "alice@corp.example", "first of all")
        assert alice.more == {"phones": ["12", "34"], "family": "Jones"}, "passwords are never read"
        assert [people[id].enabled for id in ("alice", "bob", "carol")] == [True, True, False]
        assert [p.id for p in await directory.people(id="bob")] == ["bob"]
        assert [p.id for p in await directory.people(name="ALICE")] == ["alice"]


async def test_d3_what_is_given_is_data(site: Slapd) -> None:
    async with opened(unix(site, user_name_attribute="cn")) as directory:
        assert [p.id for p in await directory.people(name="Bob (the) *builder")] == ["bob"]
        for given in ("*", "a*", "*)(uid=alice", "alice)(|(uid=*", "\\2a", "Bob (the) *"):
            assert list(await directory.people(name=given)) == []
            assert list(await directory.groups(name=given)) == []


@given(st.one_of(st.text(), st.text("*()\\\0=,+a", max_size=6)))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_d3_whatever_is_given_is_data(site: Slapd, text: str) -> None:
    """No text finds anybody whose name it is not, and none is more than the directory can be asked."""
    directory = LdapDirectory(unix(site, user_name_attribute="cn"))
    found = directory._find_people(name=text) if text else []
    directory._connections.close()
    assert all(person.name.lower() == text.lower() for person in found)


async def test_d3_a_filter_and_its_absence_of_parentheses(site: Slapd) -> None:
    for text in ("(sn=J*)", "sn=J*", "(|(sn=Jones)(sn=Nobody))"):
        async with opened(unix(site, user_filter=text)) as directory:
            assert [p.id for p in await directory.people()] == ["alice"]


async def test_d4_passwords_are_tried_by_the_directory(site: Slapd) -> None:
    async with opened(unix(site)) as directory:
        alice = await named(directory, "alice")
        assert await directory.check(alice, "alice-Secret-1")
        assert not await directory.check(alice, "wrong")
        assert not await directory.check(alice, ""), "an anonymous bind is no login"
        assert not await directory.check(alice, "\0")
        nobody = Person(id="x", name="x", dn=f"uid=x,ou=people,{SUFFIX}")
        assert not await directory.check(nobody, "alice-Secret-1")


async def test_d4_one_connection_for_many_logins(site: Slapd) -> None:
    """Whoever used a connection before, the next password is judged by itself."""
    async with opened(unix(site, auth_pool_size=1)) as directory:
        alice, bob = [await named(directory, name) for name in ("alice", "bob")]
        for _ in range(3):
            assert await directory.check(alice, "alice-Secret-1")
            assert not await directory.check(bob, "alice-Secret-1")
            assert await directory.check(bob, "bob-Secret-2")
            assert not await directory.check(alice, "bob-Secret-2")
        answers = await asyncio.gather(
            *(directory.check(alice, "alice-Secret-1" if n % 2 else "wrong") for n in range(40))
        )
        assert list(answers) == [bool(n % 2) for n in range(40)]


async def test_d5_groups_of_names(site: Slapd) -> None:
    async with opened(unix(site)) as directory:
        groups = {g.id: g for g in await directory.groups()}
        assert set(groups) == {"staff", "bosses"}
        assert groups["staff"].description == "all who work"
        found = await directory.snapshot()
        assert found.members == {"staff": {"alice", "bob"}, "bosses": {"carol"}}
        assert [g.id for g in await directory.groups_of(await named(directory, "alice"))] == ["staff"]


async def test_d5_nested_groups_even_in_circles(site: Slapd) -> None:
    async with opened(unix(site, group_ad_nesting=True)) as directory:
        found = await directory.snapshot()
        assert found.members == {"staff": {"alice", "bob"}, "bosses": {"alice", "bob", "carol"}}
        for person in found.people:
            ids = {g.id for g in await directory.groups_of(person)}
            assert ids == {id for id, members in found.members.items() if person.id in members}


async def test_d5_posix_groups(site: Slapd) -> None:
    options = unix(site, group_objectclass="posixGroup", group_members_are_ids=True, group_member_attribute="memberUid")
    async with opened(options) as directory:
        assert (await directory.snapshot()).members == {"unix": {"bob"}}
        assert [g.id for g in await directory.groups_of(await named(directory, "bob"))] == ["unix"]
        assert list(await directory.groups_of(await named(directory, "alice"))) == []


async def test_enabled_by_membership(site: Slapd) -> None:
    options = unix(site, user_enabled_emulation=True, user_enabled_emulation_dn=f"cn=enabled_users,ou=people,{SUFFIX}")
    async with opened(options) as directory:
        assert [p.id for p in await directory.people() if p.enabled] == ["bob"], "however the DN is written"


async def test_enabled_by_membership_of_a_group_of_ids(site: Slapd) -> None:
    options = unix(
        site, user_enabled_emulation=True, user_enabled_emulation_dn=f"cn=unix,ou=groups,{SUFFIX}",
        user_enabled_emulation_use_group_config=True, group_members_are_ids=True, group_member_attribute="memberUid",
    )  # fmt: skip
    async with opened(options) as directory:
        assert [p.id for p in await directory.people() if p.enabled] == ["bob"]


@pytest.mark.parametrize(
    ("more", "enabled"),
    [
        ({"user_enabled_invert": True}, ["carol"]),
        ({"user_enabled_attribute": "title"}, ["alice", "bob", "carol"]),
        ({"user_enabled_attribute": "title", "user_enabled_default": "False"}, []),
        ({"user_attribute_ignore": ("enabled",)}, ["alice", "bob", "carol"]),
    ],
)
async def test_enabled_in_all_ways(site: Slapd, more: dict[str, Any], enabled: list[str]) -> None:
    async with opened(unix(site, **more)) as directory:
        assert sorted(p.id for p in await directory.people() if p.enabled) == enabled


async def test_active_directory(windows: Slapd) -> None:
    """userAccountControl, nested groups, pages of one entry."""
    async with opened(active(windows, group_ad_nesting=True)) as directory:
        people = {p.name: p for p in await directory.people()}
        assert {name: p.enabled for name, p in people.items()} == {"alice": True, "bob": False}
        assert (await directory.snapshot()).members == {"Inner": {"Alice Jones"}, "Outer": {"Alice Jones"}}
        assert sorted(g.name for g in await directory.groups_of(people["alice"])) == ["Inner", "Outer"]
        assert await directory.check(people["alice"], "alice-Secret-1")


async def test_active_directorys_own_ids(windows: Slapd) -> None:
    """objectGUID is no text: it is shown and found as hexadecimal digits. Who has none is left out."""
    async with opened(active(windows, user_id_attribute="objectGUID")) as directory:
        (alice,) = await directory.people()
        assert alice.id == "000102030405060708090a0b0c0d0eff"
        assert [p.name for p in await directory.people(id=alice.id)] == ["alice"]
        assert list(await directory.people(id="not hexadecimal")) == []


@pytest.mark.parametrize("demand", ["demand", "never"])
async def test_starttls(site: Slapd, certificates: dict[str, Path], demand: str) -> None:
    ca = str(certificates["ca"]) if demand == "demand" else None
    async with opened(unix(site, use_tls=True, tls_req_cert=demand, tls_cacertfile=ca)) as directory:
        assert await directory.check(await named(directory, "alice"), "alice-Secret-1")


async def test_starttls_with_a_stranger(site: Slapd, certificates: dict[str, Path]) -> None:
    """Of no authority that we know, or under another name than the certificate's."""
    elsewhere = site.url.replace("127.0.0.1", "localhost")
    for more in ({}, {"url": elsewhere, "tls_cacertfile": str(certificates["ca"])}):
        async with opened(unix(site, use_tls=True, **more)) as directory:
            with pytest.raises((DirectoryDown, DirectoryRefused)):
                await directory.people()


async def test_d2_wrong_credentials_and_wrong_trees(site: Slapd) -> None:
    for more in ({"password": "wrong"}, {"user_tree_dn": f"ou=nowhere,{SUFFIX}"}, {"user_filter": "((("}):
        async with opened(unix(site, **more)) as directory:
            with pytest.raises(DirectoryRefused):
                await directory.people()
    async with opened(unix(site, group_tree_dn=f"ou=nowhere,{SUFFIX}")) as directory:
        assert list(await directory.groups()) == [], "groups are not needed"


async def test_d2_nobody_there(site: Slapd) -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        closed = f"ldap://127.0.0.1:{s.getsockname()[1]}"
        async with opened(unix(site, url=closed)) as directory:
            with pytest.raises(DirectoryDown):
                await directory.people()
        async with opened(unix(site, url=f"{closed},{site.url}")) as directory:
            assert len(await directory.people()) == 3, "the next one is asked"


@pytest.fixture
def silent() -> Iterator[tuple[str, list[socket.socket]]]:
    """A server that takes connections and never says a word: its URL, and what it took."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(50)
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    kept.append(s.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"ldap://127.0.0.1:{s.getsockname()[1]}", kept
        s.shutdown(socket.SHUT_RDWR)
        for one in kept:
            one.close()


async def test_d1_a_silent_server_costs_no_more_than_the_time_set(
    site: Slapd, silent: tuple[str, list[socket.socket]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who ask at once wait at once, each in a thread; after them nobody waits for a while."""
    monkeypatch.setattr(connections, "_QUIET", 3600)
    waiting: list[threading.Thread] = []
    connect = connections.Connections._connect

    def watched(self: connections.Connections, *who: str | None) -> Any:
        waiting.append(threading.current_thread())
        return connect(self, *who)

    monkeypatch.setattr(connections.Connections, "_connect", watched)
    url, kept = silent
    options = unix(site, url=url, connection_timeout=1)
    async with opened(options) as directory:
        found = await asyncio.gather(*(directory.people() for _ in range(30)), return_exceptions=True)
        assert all(isinstance(one, DirectoryDown) for one in found)
        assert 1 <= len(kept) <= options.pool_size < 30
        assert len(waiting) == 30
        assert threading.main_thread() not in waiting, "the loop goes on"


async def test_d2_a_connection_that_died_is_made_again(tmp_path: Path) -> None:
    server = Slapd(tmp_path / "ldap", UNIX).start()
    try:
        async with opened(unix(server)) as directory:
            assert len(await directory.people()) == 3
            server.stop()
            server.start()
            assert len(await directory.people()) == 3
            server.stop()
            with pytest.raises(DirectoryDown):
                await directory.people()
            with pytest.raises(DirectoryDown):
                await directory.check(Person(id="a", name="a", dn=f"uid=alice,ou=people,{SUFFIX}"), "x")
    finally:
        server.stop()


async def test_d6_no_password_in_messages_and_logs(site: Slapd, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with opened(unix(site, debug_level=1)) as directory:
        alice = await named(directory, "alice")
        await directory.check(alice, "alice-Secret-1")
        await directory.check(alice, "guess-Secret-9")
    async with opened(unix(site, password="wrong-Secret-8")) as directory:
        with pytest.raises(DirectoryRefused) as refused:
            await directory.people()
    said = caplog.text + str(refused.value)
    assert "search below" in said
    for secret in (ADMIN_PASSWORD, "alice-Secret-1", "guess-Secret-9", "wrong-Secret-8"):
        assert secret not in said
