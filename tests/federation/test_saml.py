"""Logging in with a SAML identity provider, by browser and by enhanced client; and one cloud trusting another."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from keystoneauth1 import session
from keystoneauth1.extras._saml2.v3.saml2 import Password as SamlPassword
from keystoneauth1.identity.v3 import Keystone2Keystone, Password

from cloud import PASSWORD, LiveCloud
from federation.openid_provider import Browser
from federation.saml_provider import SamlProvider, make_key

DASHBOARD = "http://127.0.0.1:9/auth/websso/"
OIDS = {
    "urn:oid:0.9.2342.19200300.100.1.3": "mail",
    "urn:oid:2.16.840.1.113730.3.1.241": "display",
    "urn:oid:1.3.6.1.4.1.5923.1.1.1.1": "affiliation",
}
SCHOOL = [
    {
        "local": [
            {"user": {"id": "{0}", "name": "{1}", "email": "{2}"}},
            {"groups": "{3}", "domain": {"id": "default"}},
        ],
        "remote": [{"type": "REMOTE_USER"}, {"type": "display"}, {"type": "mail"}, {"type": "affiliation"}],
    }
]
CLOUD = [
    {
        "local": [{"user": {"name": "{0} of {1}"}, "projects": [{"name": "{2}", "roles": [{"name": "member"}]}]}],
        "remote": [{"type": "openstack_user"}, {"type": "openstack_user_domain"}, {"type": "openstack_project"}],
    }
]


class Saml:
    def __init__(self, live: LiveCloud, idp: SamlProvider) -> None:
        self.live, self.idp = live, idp
        self.auth_url = f"http://127.0.0.1:{5000 + live.shift}/v3"
        self.admin = live.client()
        group = self.admin.post("/identity/v3/groups", json={"group": {"name": "staff"}})
        self.staff = group.json()["group"]["id"]
        self.connect("school", SCHOOL, idp.entity_id)
        self.consumer = f"{self.auth_url}/auth/OS-FEDERATION/saml2/acs"
        self.sp = f"{self.auth_url}/auth/OS-FEDERATION/saml2/sp"

    def connect(self, id: str, rules: Any, remote_id: str) -> None:
        below = "/OS-FEDERATION"
        self.put(f"{below}/mappings/{id}", {"mapping": {"rules": rules}})
        self.put(
            f"{below}/identity_providers/{id}", {"identity_provider": {"enabled": True, "remote_ids": [remote_id]}}
        )
        self.put(f"{below}/identity_providers/{id}/protocols/saml2", {"protocol": {"mapping_id": id}})

    def put(self, path: str, body: Any) -> None:
        answer = self.admin.put(f"/identity/v3{path}", json=body)
        assert answer.status_code < 300, answer.text

    def auth(self, id: str) -> str:
        return f"{self.auth_url}/OS-FEDERATION/identity_providers/{id}/protocols/saml2/auth"

    def begin(self) -> tuple[Browser, str, str]:
        """A browser on its way, the id of the request that it carries, and its relay state."""
        browser = Browser("alice")
        answer = browser.http.get(of_school(self))
        assert answer.status_code == 302, answer.text
        asked = parse_qs(urlsplit(answer.headers["location"]).query)
        request = self.idp.server.parse_authn_request(asked["SAMLRequest"][0]).message
        return browser, request.id, asked["RelayState"][0]

    def bring(self, browser: Browser, response: str, relay_state: str) -> httpx.Response:
        encoded = base64.b64encode(response.encode()).decode()
        return browser.http.post(self.consumer, data={"SAMLResponse": encoded, "RelayState": relay_state})

    def subject(self, token: str) -> dict[str, Any]:
        return self.admin.get("/identity/v3/auth/tokens", headers={"x-subject-token": token}).json()["token"]


@pytest.fixture(scope="module")
def saml(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Saml]:
    place = tmp_path_factory.mktemp("saml")
    idp, (key, certificate) = SamlProvider(place), make_key(place, "cloud")
    own = place / "own.xml"
    providers = {
        "school": {"metadata": str(idp.metadata), "attributes": OIDS},
        "twin": {"metadata": str(own), "unsolicited": True, "protocol": "saml2"},
    }
    settings = {
        "PILEUS_FEDERATION_SAML": json.dumps(providers),
        "PILEUS_FEDERATION_CERTIFICATE": str(certificate),
        "PILEUS_FEDERATION_KEY": str(key),
        "PILEUS_FEDERATION_ORGANIZATION": "The <twin> cloud",
        "PILEUS_FEDERATION_TRUSTED_DASHBOARDS": DASHBOARD,
    }
    live = LiveCloud(place / "state", settings=settings, simulate=1).start()
    try:
        found = Saml(live, idp)
        own.write_text(httpx.get(f"{found.auth_url}/OS-FEDERATION/saml2/metadata").text)
        path = f"{found.auth_url}/auth/OS-FEDERATION/identity_providers/school/protocols/saml2/saml2/metadata"
        described = httpx.get(path)
        assert described.headers["content-type"].startswith("text/xml")
        idp.trust(described.text)
        yield found
    finally:
        idp.stop()
        live.stop()


def of_school(saml: Saml) -> str:
    return f"{saml.auth_url}/auth/OS-FEDERATION/identity_providers/school/protocols/saml2/websso?origin={DASHBOARD}"


def test_a_browser_logs_in(saml: Saml) -> None:
    saml.idp.person = "alice"
    page = Browser("alice").open(of_school(saml), saml.consumer)
    assert page.status_code == 200, page.text
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found is not None, page.text
    token = saml.subject(found[1])
    assert token["methods"] == ["saml2"]
    assert token["user"]["name"] == "Alice"
    assert token["user"]["OS-FEDERATION"]["groups"] == [{"id": saml.staff}]
    assert token["user"]["OS-FEDERATION"]["identity_provider"] == {"id": "school"}


def test_several_providers_of_one_protocol(saml: Saml) -> None:
    page = httpx.get(f"{saml.auth_url}/auth/OS-FEDERATION/websso/saml2?origin={DASHBOARD}")
    assert page.status_code == 200
    assert page.text.count("<li>") == 2


def test_keystoneauth_by_password(saml: Saml) -> None:
    """`v3samlpassword`: the client carries the request to the provider itself (ECP)."""

    def login(person: str, password: str) -> Any:
        return SamlPassword(saml.auth_url, "school", "saml2", f"{saml.idp.url}/ecp", person, password).get_access(
            session.Session()
        )

    access = login("bob", "bob"[::-1])
    assert access.username == "Bob"
    assert access.auth_token
    with pytest.raises(Exception, match=r"."):
        login("bob", "wrong")


# --- what is refused --------------------------------------------------------------------------------------------------


def finish(saml: Saml, browser: Browser, response: str, relay_state: str) -> httpx.Response:
    """Brings a response as the provider's page would; the page of ours that asks for it again is gone through."""
    page = saml.bring(browser, response, relay_state)
    if page.status_code == 200 and 'name="again"' in page.text:
        page, _ = browser._send_form(page, {})
    return page


def good(saml: Saml, request_id: str, **more: Any) -> str:
    destination = more.pop("destination", saml.consumer)
    return str(saml.idp.respond("alice", request_id, destination, more.pop("sp", saml.sp), **more))


def test_the_very_same_is_accepted_once(saml: Saml) -> None:
    browser, request_id, relay_state = saml.begin()
    response = good(saml, request_id)
    page = saml.bring(browser, response, relay_state)
    again = finish(saml, browser, response, relay_state)
    assert 'name="token"' in again.text or 'name="token"' in page.text
    assert finish(saml, browser, response, relay_state).status_code == 401


def test_a_signature_over_the_whole_response_does(saml: Saml) -> None:
    browser, request_id, relay_state = saml.begin()
    whole = good(saml, request_id, sign_assertion=False, sign_response=True)
    assert 'name="token"' in finish(saml, browser, whole, relay_state).text
    browser, request_id, relay_state = saml.begin()
    whole = good(saml, request_id, sign_assertion=False, sign_response=True)
    assert finish(saml, browser, forged(saml, whole), relay_state).status_code == 401


def forged(saml: Saml, response: str) -> str:
    """The assertion says somebody else; its signature is as it was."""
    return response.replace(">alice<", ">admin<")


def unsigned(saml: Saml, response: str) -> str:
    return re.sub(
        r"<(\w+:)?Signature .*?</(\w+:)?Signature>|<(\w+:)?Signature>.*?</(\w+:)?Signature>", "", response, flags=re.S
    )


def wrapped(saml: Saml, response: str) -> str:
    """A second, unsigned assertion before the signed one."""
    found = re.search(r"<(\w+):Assertion .*</\1:Assertion>", response, re.S)
    assert found is not None
    evil = unsigned(saml, found[0]).replace(">alice<", ">admin<").replace('ID="', 'ID="evil-')
    return response.replace(found[0], evil + found[0])


def wrapped_inside(saml: Saml, response: str) -> str:
    """The signed assertion hidden in another one, for which its signature is passed off."""
    found = re.search(r"<(\w+):Assertion .*</\1:Assertion>", response, re.S)
    assert found is not None
    signature = re.search(r"<(\w+):Signature.*?</\1:Signature>", found[0], re.S)
    assert signature is not None
    evil = found[0].replace(">alice<", ">admin<").replace('ID="', 'ID="evil-', 1)
    hidden = signature[0].replace(
        f"</{signature[1]}:Signature>",
        f"<{signature[1]}:Object>{found[0]}</{signature[1]}:Object></{signature[1]}:Signature>",
    )
    return response.replace(found[0], evil.replace(signature[0], hidden))


def with_entities(saml: Saml, response: str) -> str:
    body = response[response.index("?>") + 2 :] if response.startswith("<?xml") else response
    definition = '<!DOCTYPE x [<!ENTITY who SYSTEM "file:///etc/hostname">]>'
    return definition + body.replace(">alice<", ">&who;<")


@pytest.mark.parametrize("spoil", [forged, unsigned, wrapped, wrapped_inside, with_entities])
def test_spoilt_responses(saml: Saml, spoil: Any) -> None:
    browser, request_id, relay_state = saml.begin()
    response = spoil(saml, good(saml, request_id))
    assert finish(saml, browser, response, relay_state).status_code == 401


@pytest.mark.parametrize(
    "more",
    [
        {"sp": "https://another.example/sp"},
        {"destination": "https://another.example/acs"},
        {"sign_assertion": False, "sign_response": False},
    ],
)
def test_responses_for_others(saml: Saml, more: dict[str, Any]) -> None:
    browser, request_id, relay_state = saml.begin()
    if "sp" in more:
        more = {**more, "best_effort": True}
    try:
        response = good(saml, request_id, **more)
    except Exception:
        response = good(saml, request_id).replace(saml.sp, more.get("sp", "x"))
    assert finish(saml, browser, response, relay_state).status_code == 401


def test_a_comment_does_not_cut_a_name(saml: Saml) -> None:
    """Comments are not signed: who reads a name up to one reads another name."""
    browser, request_id, relay_state = saml.begin()
    page = finish(saml, browser, good(saml, request_id).replace(">alice<", ">al<!-- -->ice<"), relay_state)
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found is not None, page.text
    user = saml.admin.get(f"/identity/v3/users/{saml.subject(found[1])['user']['id']}").json()["user"]
    assert user["federated"][0]["protocols"][0]["unique_id"] == "alice"


def test_answers_to_other_requests(saml: Saml) -> None:
    browser, request_id, relay_state = saml.begin()
    _, other_id, other_state = saml.begin()
    for id, state in (
        (other_id, relay_state),
        ("id-unknown", relay_state),
        (request_id, other_state),
        (request_id, ""),
    ):
        assert finish(saml, browser, good(saml, id), state).status_code == 401
    assert finish(saml, Browser("mallory"), good(saml, request_id), relay_state).status_code == 401
    assert finish(saml, browser, "nonsense", relay_state).status_code == 401


def test_another_provider_under_the_same_name(saml: Saml, tmp_path: Any) -> None:
    stranger = SamlProvider(tmp_path, "stranger")
    try:
        stranger.entity_id = saml.idp.entity_id
        stranger.trust((saml.idp.place / "idp-sp.xml").read_text())
        browser, request_id, relay_state = saml.begin()
        response = str(stranger.respond("alice", request_id, saml.consumer, saml.sp))
        assert finish(saml, browser, response, relay_state).status_code == 401
    finally:
        stranger.stop()


def test_enhanced_clients_bring_what_was_asked_for(saml: Saml) -> None:
    url, paos = saml.auth("school"), "application/vnd.paos+xml"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers={"accept": paos}).status_code == 401
    asked = httpx.get(url, headers={"accept": paos, "paos": 'ver="urn:liberty:paos:2003-08"'})
    assert asked.headers["content-type"] == paos
    unasked = str(saml.idp.respond("alice", "id-1", url, saml.sp)).partition("?>")[2]
    soap = "http://schemas.xmlsoap.org/soap/envelope/"
    for content in (
        f'<s:Envelope xmlns:s="{soap}"><s:Body>{unasked}</s:Body></s:Envelope>',
        "<x",
        "",
        "<!DOCTYPE x><x/>",
    ):
        assert httpx.post(url, content=content, headers={"content-type": paos}).status_code == 401


def test_enhanced_clients_come_as_shibboleth_lets_them_in(saml: Saml) -> None:
    """What is brought to the consumer opens a session for one provider and protocol, and nothing else."""
    url, paos = saml.auth("school"), "application/vnd.paos+xml"
    consumer = urlsplit(url)._replace(path="/Shibboleth.sso/SAML2/ECP").geturl()
    asked = httpx.get(url, headers={"accept": paos, "paos": 'ver="urn:liberty:paos:2003-08"'}).text
    assert f'responseConsumerURL="{consumer}"' in asked
    person = base64.b64encode(b"alice:ecila").decode()
    answered = httpx.post(
        f"{saml.idp.url}/ecp", content=_body(asked), headers={"authorization": f"Basic {person}"}
    ).text
    relay_state = re.search(r"<(\w+:)?RelayState.*?RelayState>", asked, re.DOTALL)
    assert relay_state is not None
    envelope = re.sub(r"<e:Response[^>]*/>", relay_state[0], answered)
    envelope = envelope.replace("<s:Envelope ", f"<s:Envelope {_namespaces(asked)} ", 1)
    brought = httpx.post(consumer, content=envelope, headers={"content-type": paos})
    assert (brought.status_code, brought.headers["location"]) == (303, url), brought.text
    session_cookie = brought.headers["set-cookie"].partition(";")[0]
    assert "HttpOnly" in brought.headers["set-cookie"]
    assert httpx.get(saml.auth("other"), headers={"cookie": session_cookie}).status_code in (401, 404)
    assert httpx.get(url, headers={"cookie": session_cookie + "x"}).status_code == 401
    token = httpx.get(url, headers={"cookie": session_cookie})
    assert token.status_code == 201
    assert token.json()["token"]["user"]["name"] == "Alice"
    assert httpx.post(consumer, content="<x/>", headers={"content-type": paos}).status_code == 401


def _body(envelope: str) -> str:
    """The envelope without its header, as a client passes it on."""
    return re.sub(r"<(\w+:)?Header>.*?</(\w+:)?Header>", "", envelope, flags=re.DOTALL)


def _namespaces(envelope: str) -> str:
    root = re.search(r"<[^?][^>]*>", envelope)
    assert root is not None
    return " ".join(part for part in re.findall(r'xmlns:\w+="[^"]+"', root[0]) if not part.startswith("xmlns:s="))


# --- one cloud and another --------------------------------------------------------------------------------------------


def test_one_cloud_trusts_another(saml: Saml) -> None:
    """Keystone to keystone, with the stock plugin. The other cloud is this one."""
    metadata = httpx.get(f"{saml.auth_url}/OS-FEDERATION/saml2/metadata").text
    assert "The &lt;twin&gt; cloud" in metadata
    entity_id = f"{saml.auth_url}/OS-FEDERATION/saml2/idp"
    saml.connect("twin", CLOUD, entity_id)
    url = saml.auth("twin")
    partner = {"auth_url": url, "sp_url": url, "enabled": True}
    saml.put("/OS-FEDERATION/service_providers/twin", {"service_provider": partner})
    here = Password(
        saml.auth_url,
        username="admin",
        password=PASSWORD,
        user_domain_id="default",
        project_name="admin",
        project_domain_id="default",
    )
    there = Keystone2Keystone(here, "twin", project_name="admin", project_domain_id=domain_of(saml, "twin"))
    access = there.get_access(session.Session())
    assert access.username == "admin of Default"
    assert access.project_name == "admin"
    assert set(access.role_names) == {"member", "reader"}


def domain_of(saml: Saml, id: str) -> str:
    return saml.admin.get(f"/identity/v3/OS-FEDERATION/identity_providers/{id}").json()["identity_provider"][
        "domain_id"
    ]


def test_assertions_for_partners(saml: Saml) -> None:
    partner = {"auth_url": "https://other.example/v3", "sp_url": "https://other.example/acs", "enabled": True}
    saml.put("/OS-FEDERATION/service_providers/other", {"service_provider": {**partner, "relay_state_prefix": "<x>"}})
    saml.put("/OS-FEDERATION/service_providers/off", {"service_provider": {**partner, "enabled": False}})
    scoped, unscoped = (
        saml.live.token("admin", {"project": {"name": "admin", "domain": {"id": "default"}}}),
        saml.live.token("admin"),
    )

    def ask(token: str, partner: str = "other", form: str = "") -> httpx.Response:
        identity = {"methods": ["token"], "token": {"id": token}}
        body = {"auth": {"identity": identity, "scope": {"service_provider": {"id": partner}}}}
        return httpx.post(f"{saml.auth_url}/auth/OS-FEDERATION/saml2{form}", json=body)

    told = ask(scoped)
    assert told.status_code == 200
    assert told.headers["content-type"].startswith("text/xml")
    assert told.headers["x-sp-url"] == partner["sp_url"]
    for name in (
        "openstack_user",
        "openstack_roles",
        "openstack_project",
        "openstack_project_domain",
        "openstack_user_domain",
    ):
        assert f'Name="{name}"' in told.text
    assert 'Recipient="https://other.example/acs"' in told.text
    assert "rsa-sha256" in told.text
    enveloped = ask(scoped, form="/ecp")
    assert "&lt;x&gt;" in enveloped.text
    for answer, status, words in (
        (ask(unscoped), 403, "Use a project scoped token"),
        (ask("nope"), 404, "Could not recognize Fernet token"),
        (ask(scoped, "zz"), 404, "Could not find Service Provider: zz."),
        (ask(scoped, "off"), 403, "You are not authorized"),
        (
            httpx.post(f"{saml.auth_url}/auth/OS-FEDERATION/saml2", json={"auth": {"identity": {}, "scope": {}}}),
            400,
            "required",
        ),
    ):
        assert (answer.status_code, words in answer.text) == (status, True), answer.text
