"""The table of who may do what is current, and says what it must."""

import difflib
from collections.abc import Iterator

import table

WRITES = ("POST", "PUT", "PATCH", "DELETE")


def test_golden_is_current():
    """When it fails because you meant it: `python tests/policy/table.py`, and look at the difference."""
    old, new = table.GOLDEN.read_text(encoding="utf-8"), table.table()
    difference = difflib.unified_diff(old.splitlines(), new.splitlines(), "golden.txt", "the code", lineterm="", n=0)
    assert old == new, "run `python tests/policy/table.py`:\n" + "\n".join(list(difference)[:40])


def judged() -> Iterator[tuple[dict[str, dict[str, bool]], list[str]]]:
    """Of every operation whose rule is known: role -> situation -> allowed, and method, path, rule."""
    names = [name for name, _, _ in table.SITUATIONS]
    for line in table.GOLDEN.read_text(encoding="utf-8").splitlines():
        words = line.split()
        cells, operation = words[: len(table.ROLES)], words[len(table.ROLES) :]
        if len(operation) > 1 and set(cells[0]) <= {"+", "-"}:
            marks = [dict(zip(names, (mark == "+" for mark in cell), strict=True)) for cell in cells]
            yield dict(zip(table.ROLES, marks, strict=True)), operation


def test_no_reader_writes_and_no_tenant_reaches_another():
    reaches, writes = [], []
    for may, operation in judged():
        if operation[0] not in WRITES:
            continue
        if may["member"]["other project"] or may["member"]["foreign project"]:
            reaches.append(" ".join(operation))
        if may["reader"]["mine"] and not any(own in operation[1] for own in OWN):
            writes.append(" ".join(operation))
    assert not reaches
    assert not writes


def test_no_domain_reaches_another_and_no_system_reader_writes():
    reaches, writes = [], []
    for may, operation in judged():
        if may["manager"]["other domain"] and not may["nobody"]["other domain"] and operation[1] not in SHARED:
            reaches.append(" ".join(operation))
        if operation[0] in WRITES and may["member"]["system"]:
            writes.append(" ".join(operation))
    assert not reaches
    assert not writes


def test_every_operation_of_identity_is_judged():
    """What asks no rule is known by name: it needs no token, or only tells callers of themselves."""
    rows = [
        line.split() for line in table.GOLDEN.read_text(encoding="utf-8").split("## identity: rules")[0].splitlines()
    ]
    loose = {" ".join(row[len(table.ROLES) :]) for row in rows if row[:1] in (["open"], ["token"])}
    assert loose == UNJUDGED, (
        "name the rule (`rule=` or `asks=` of the operation), or add it to UNJUDGED with its reason"
    )
    shown = {tuple(row[len(table.ROLES) : len(table.ROLES) + 2]) for row in rows}
    face = next(face for name, face in table.faces() if name == "identity")
    missing = {(op.method, op.path) for op in face.operations if op.partly != "absent"} - shown
    assert not missing


OWN = (
    "/os-keypairs",
    "/auth/tokens",
    "/v2.0/tokens/{token_id}",
    "/users/{user_id}/tokens",
    "/application_credentials",
    "/access_rules",
    "/OS-TRUST/",
    "/OS-OAUTH1/",
    "/v3/credentials",
    "/credentials/OS-EC2",
)
"""What belongs to the user, not to the project: a reader may change it."""
SHARED = ("/v3/roles", "/v2.0/OS-KSADM/roles")
"""What is of all domains."""
UNJUDGED = {
    "GET /",
    "GET /v3",
    "POST /v3/auth/tokens",
    "POST /v3/users/{user_id}/password",
    "GET /v3/auth/tokens/OS-PKI/revoked",
    "GET /v3/auth/OS-FEDERATION/oidc/callback",
    "POST /v3/auth/OS-FEDERATION/saml2/acs",
    "POST /v3/auth/OS-FEDERATION/saml2",
    "POST /v3/auth/OS-FEDERATION/saml2/ecp",
    "GET /v3/OS-FEDERATION/saml2/metadata",
    "GET /v3/auth/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/saml2/metadata",
    "POST /Shibboleth.sso/SAML2/ECP",
    "GET /v3/OS-SIMPLE-CERT/ca",
    "GET /v3/OS-SIMPLE-CERT/certificates",
    "POST /v3/OS-OAUTH1/access_token",
    "POST /v3/OS-OAUTH1/request_token",
    "POST /v3/OS-OAUTH2/token",
    "GET /v2.0",
    "GET /v2.0/extensions",
    "GET /v2.0/extensions/{alias}",
    "POST /v2.0/tokens",
    "PATCH /v2.0/OS-KSCRUD/users/{user_id}",
    "GET /v2.0/tenants",
    "GET /v2.0/tokens/revoked",
    "GET /v2.0/certificates/{name}",
    "GET /v2.0/users/{user_id}/roles",
    "PUT /v2.0/users/{user_id}/roles/OS-KSADM/{role_id}",
    "DELETE /v2.0/users/{user_id}/roles/OS-KSADM/{role_id}",
    *(
        f"{method} {path}"
        for method in ("GET", "POST")
        for path in (
            "/v3/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/auth",
            "/v3/auth/OS-FEDERATION/websso/{protocol_id}",
            "/v3/auth/OS-FEDERATION/identity_providers/{idp_id}/protocols/{protocol_id}/websso",
            "/v3/auth/OS-FEDERATION/identity_providers/{idp_id}/protocol/{protocol_id}/websso",
        )
    ),
}
"""Versions, logging in, a user's own password, which the old one proves, one's own tenants, and what is gone."""
