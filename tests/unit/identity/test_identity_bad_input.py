"""Whatever is sent, nobody hears of a 500, and nothing is half done."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity_cloud import Cloud

NASTY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        ["", " ", "\x00", "ü" * 300, "x" * 70_000, "%s", "'; --", "\ud800", "default", "1e999", "../..", "a,b", "null"]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["id", "name", "domain", "all", "immutable"]), st.text(max_size=3), max_size=2),
)
FIELDS = {
    "user": ["name", "domain_id", "enabled", "default_project_id", "password", "options", "description", "id", "x"],
    "project": ["name", "domain_id", "parent_id", "enabled", "is_domain", "tags", "options", "description"],
    "domain": ["name", "enabled", "tags", "options", "description", "explicit_domain_id"],
    "group": ["name", "domain_id", "description"],
    "role": ["name", "domain_id", "description", "options"],
    "region": ["id", "description", "parent_region_id"],
    "service": ["type", "name", "enabled", "description"],
    "endpoint": ["service_id", "interface", "url", "region_id", "region", "enabled"],
}


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """A noun, a body to create it and one to change it."""
    noun = draw(st.sampled_from(sorted(FIELDS)))
    good = {"name": "good", "type": "good", "interface": "public", "url": "http://x", "service_id": "x"}
    body = {k: v for k, v in good.items() if k in FIELDS[noun]}
    body.update(draw(st.dictionaries(st.sampled_from(FIELDS[noun]), NASTY, max_size=4)))
    return noun, body, draw(st.dictionaries(st.sampled_from(FIELDS[noun]), NASTY, max_size=3))


@given(made=bodies())
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_bodies(cloud: Cloud, made: tuple[str, dict[str, Any], dict[str, Any]]) -> None:
    noun, body, change = made
    admin = await cloud.token()
    reply = await cloud.call("POST", f"/v3/{noun}s", {noun: body}, admin)
    assert reply.status in (201, 400, 403, 404, 409), reply.body
    if reply.status == 201:
        id = reply.body[noun]["id"]
        assert (await cloud.call("PATCH", f"/v3/{noun}s/{_quoted(id)}", {noun: change}, admin)).status in (
            *(200, 400, 403, 404, 409),
        )
        shown = await cloud.call("GET", f"/v3/{noun}s/{_quoted(id)}", None, admin)
        assert shown.status == 200
    else:
        assert reply.body["error"].keys() >= {"code", "message", "title"}


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


QUERY = st.sampled_from(
    ["name", "name__contains", "name__icontains", "enabled", "limit", "marker", "sort_key", "sort_dir", "domain_id", "tags",
     "not-tags-any", "password_expires_at", "is_domain", "parent_id", "scope.project.id", "scope.system", "user.id", "effective",
     "include_names", "include_subtree", "scope.OS-INHERIT:inherited_to", "enabled__contains", "name__", "__", "interface"]
)  # fmt: skip


@given(
    plural=st.sampled_from(["users", "projects", "domains", "groups", "roles", "regions", "services", "endpoints", "role_assignments"]),
    query=st.lists(st.tuples(QUERY, st.one_of(st.text(max_size=6), st.sampled_from(["", "1", "-1", "true", "lt:2026-01-01T00:00:00Z", "lt:9999-99-99", "eq:-1"]))), max_size=3),
)  # fmt: skip
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_queries(cloud: Cloud, plural: str, query: list[tuple[str, str]]) -> None:
    from urllib.parse import urlencode

    admin = await cloud.token()
    reply = await cloud.call("GET", f"/v3/{plural}?{urlencode(query)}", None, admin)
    assert reply.status in (200, 400, 404), reply.body


LOGIN = st.recursive(
    NASTY,
    lambda inner: st.dictionaries(
        st.sampled_from(
            ["identity", "methods", "password", "token", "user", "domain", "id", "name", "scope", "project", "system", "all",
             "application_credential", "secret", "unscoped", "OS-TRUST:trust"]
        ),
        st.one_of(inner, st.lists(st.sampled_from(["password", "token", "application_credential", "totp"]), max_size=3)),
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(auth=LOGIN)
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_logins(cloud: Cloud, auth: Any) -> None:
    reply = await cloud.call("POST", "/v3/auth/tokens", {"auth": auth})
    assert reply.status in (400, 401, 404), reply.body


@given(
    methods=st.lists(st.sampled_from(["password", "token", "application_credential"]), max_size=3),
    parts=st.fixed_dictionaries(
        {},
        optional={
            "password": st.fixed_dictionaries({}, optional={"user": st.dictionaries(st.sampled_from(["id", "name", "password", "domain"]), NASTY)}),
            "token": st.dictionaries(st.just("id"), NASTY),
            "application_credential": st.dictionaries(st.sampled_from(["id", "name", "secret", "user"]), NASTY),
        },
    ),
    scope=st.one_of(st.none(), NASTY, st.dictionaries(st.sampled_from(["project", "domain", "system", "unscoped"]), NASTY, max_size=2)),
)  # fmt: skip
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
async def test_nearly_good_logins(cloud: Cloud, methods: list[str], parts: dict[str, Any], scope: Any) -> None:
    auth = {"identity": {"methods": methods, **parts}, **({} if scope is None else {"scope": scope})}
    reply = await cloud.call("POST", "/v3/auth/tokens", {"auth": auth})
    assert reply.status in (400, 401, 404), reply.body
