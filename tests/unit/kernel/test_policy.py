"""The rule language: our own cases, and oslo.policy as the oracle."""

import timeit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oslo_config import cfg
from oslo_policy import policy as oslo

from pileus.kernel.policy import Place, Policy, PolicyError, Remedy, Rule, defaults, explain, load_overrides, remedy
from pileus.kernel.types import Ctx, Forbidden, cloud

ALICE = Ctx(
    user_id="alice",
    user_name="Alice",
    user_domain_id="default",
    project_id="p1",
    project_name="Project One",
    project_domain_id="default",
    roles=frozenset({"member", "reader"}),
    token="t",
)
ADMIN = Ctx(user_id="root", project_id="p0", roles=frozenset({"admin", "manager", "member", "reader"}), token="t")


def allows(check, ctx=ALICE, target=None, **others):
    rules = [Rule("asked", check if isinstance(check, str) else "")]
    overrides = {"asked": check, **others}
    return Policy(rules, overrides).allows("asked", ctx, target or {})


@pytest.mark.parametrize(
    ("check", "target", "answer"),
    [
        ("", {}, True),
        ("@", {}, True),
        ("!", {}, False),
        ("not !", {}, True),
        ("role:member", {}, True),
        ("role:MEMBER", {}, True),
        ("role:admin", {}, False),
        ("role:%(wanted)s", {"wanted": "Reader"}, True),
        ("role:%(wanted)s", {}, False),
        ("role:admin or role:member and role:reader", {}, True),
        ("(role:admin or role:member) and role:nothing", {}, False),
        ("role:admin or not role:nothing", {}, True),
        ("NOT role:admin AND role:member", {}, True),
        ("project_id:%(project_id)s", {"project_id": "p1"}, True),
        ("project_id:%(project_id)s", {"project_id": "p2"}, False),
        ("project_id:%(project_id)s", {}, False),
        ("tenant:%(tenant_id)s", {"tenant_id": "p1"}, True),
        ("domain_id:%(target.domain.id)s", {"target": {"domain": {"id": ""}}}, False),
        ("user_domain_id:%(target.user.domain_id)s", {"target": {"user": {"domain_id": "default"}}}, True),
        ("user_domain_id:%(target.user.domain_id)s", {"target.user.domain_id": "default"}, True),
        ("user_domain_id:%(target.user.domain_id)s", {"target": {"user": {}}}, False),
        ("token.project.domain.id:%(target.domain.id)s", {"target.domain.id": "default"}, True),
        ("system_scope:all", {}, False),
        ("is_admin:True", {}, False),
        ("is_admin:False", {}, True),
        ("is_admin:1", {}, False),
        ("unknown:%(x)s", {"x": "unknown"}, False),
        ("True:%(enabled)s", {"enabled": True}, True),
        ("True:%(enabled)s", {"enabled": False}, False),
        ("'public':%(visibility)s", {"visibility": "public"}, True),
        ('"public":%(visibility)s', {"visibility": "private"}, False),
        ("None:%(owner)s", {"owner": None}, True),
        ("3:%(size)s", {"size": 3}, True),
        ("user_id:x%(n)s%%", {"n": 1}, False),
        ("roles:member", {}, True),
        ([], {}, True),
        ([[]], {}, False),
        ([["role:admin"], ["role:member", "role:reader"]], {}, True),
        ([["role:member", "role:admin"]], {}, False),
        (["role:member"], {}, True),
    ],
)
def test_checks(check, target, answer):
    assert allows(check, target=target) is answer


def test_rules_ask_one_another():
    assert allows("rule:mine and rule:open", mine="project_id:%(p)s", open="@", target={"p": "p1"})
    assert not allows("rule:missing")
    assert allows("not rule:missing")
    assert allows("rule:missing", default="role:member")
    assert Policy([], {"default": "@"}).allows("undefined", ALICE, {})
    assert not Policy([]).allows("undefined", ADMIN, {})


def test_empty_text_of_caller_and_target_never_match():
    nobody = Ctx(user_id="alice")
    assert not allows("project_id:%(project_id)s", nobody, {"project_id": ""})
    assert not allows("project_id:%(project_id)s", nobody, {"project_id": None})
    assert not allows("project_id:", nobody)


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        ("http://example/check", "remote server is not supported"),
        ("https://example/check", "remote server is not supported"),
        ("role:a and", "ends where a check"),
        ("(role:a", "not closed"),
        ("role:a)", "was expected"),
        ("role:a role:b", "was expected"),
        ("()", "a check was expected"),
        ("admin", "is no check"),
        ("role:%(a)d", "must be followed"),
        ([[["role:a"]]], "neither a check"),
    ],
)
def test_unreadable_rules_name_rule_and_reason(check, reason):
    with pytest.raises(PolicyError, match=reason) as caught:
        Policy([], {"thing:show": check})
    assert "thing:show" in str(caught.value)


def test_circles_are_found():
    with pytest.raises(PolicyError, match="a -> b -> a"):
        Policy([Rule("a", "rule:b"), Rule("b", "role:x or rule:a")])
    with pytest.raises(PolicyError, match="default -> default"):
        Policy([Rule("default", "rule:nowhere")])


def test_scopes_bind_tokens_but_not_the_cloud():
    policy = Policy([Rule("show", "role:reader"), Rule("list", "role:admin", scopes=("system", "project"))])
    system = Ctx(user_id="s", system_scope="all", roles=frozenset({"admin", "reader"}), token="t")
    domain = Ctx(user_id="d", domain_id="default", roles=frozenset({"admin", "reader"}), token="t")
    assert policy.allows("show", ALICE, {})
    assert not policy.allows("show", system, {})
    assert not policy.allows("list", domain, {})
    assert policy.allows("list", system, {})
    assert Policy([Rule("show", "role:admin")]).allows("show", cloud(), {})
    with pytest.raises(Forbidden) as caught:
        policy.enforce("show", system, {})
    assert caught.value.details == {"rule": "show", "scopes": ["project"]}


def test_enforce_names_the_rule():
    policy = Policy([Rule("os_thing:show", defaults.PROJECT_READER_OR_ADMIN)])
    policy.enforce("os_thing:show", ALICE, {"project_id": "p1"})
    policy.enforce("os_thing:show", ADMIN, {"project_id": "p1"})
    with pytest.raises(Forbidden, match=r"Policy doesn't allow os_thing:show to be performed\.") as caught:
        policy.enforce("os_thing:show", ALICE, {"project_id": "p2"})
    assert caught.value.details == {"rule": "os_thing:show"}


def test_every_default_is_readable():
    for name, check in vars(defaults).items():
        if name.isupper():
            Policy([Rule(name, check)])


def test_a_name_declared_twice_must_say_the_same():
    Policy([Rule("a", "@"), Rule("a", "@")])
    with pytest.raises(PolicyError, match="twice"):
        Policy([Rule("a", "@"), Rule("a", "!")])


def test_overrides_from_a_file(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text('"thing:show": "rule:ours"\nours: role:auditor\nold: [["role:a"], ["role:b"]]\n')
    policy = Policy([Rule("thing:show", "!"), Rule("thing:list", "!")], load_overrides(path))
    assert policy.allows("thing:show", Ctx(roles=frozenset({"auditor"})), {})
    assert not policy.allows("thing:list", Ctx(roles=frozenset({"auditor"})), {})
    path.write_text("")
    assert load_overrides(path) == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [("a: [", "not YAML"), ("- a", "a mapping"), ("a: 3", "'a': a rule is"), ("a: role:x and", "'a': the rule ends")],
)
def test_bad_files_are_named(tmp_path, content, reason):
    path = tmp_path / "policy.yaml"
    path.write_text(content)
    with pytest.raises(PolicyError, match=reason) as caught:
        load_overrides(path)
    assert str(path) in str(caught.value)
    with pytest.raises(PolicyError, match="No such file"):
        load_overrides(tmp_path / "absent.yaml")


def test_explain_says_what_is_missing():
    policy = Policy(
        [Rule("show", "rule:mine or role:admin", scopes=("project",)), Rule("mine", defaults.PROJECT_MEMBER)],
    )
    told = explain(policy, "show", ALICE, {"project_id": "p2"})
    assert not told.allowed
    assert told.missing == (
        "project_id:%(project_id)s (the caller has 'p1', 'p2' is asked)",
        "role:admin (the caller's roles are member, reader)",
    )
    assert told.tree.text == "rule:show"
    assert explain(policy, "show", ALICE, {"project_id": "p1"}).missing == ()
    assert "a token scoped to project, not domain" in explain(policy, "show", Ctx(domain_id="d"), {}).missing
    assert not explain(policy, "nothing", ALICE, {}).defined


@pytest.mark.parametrize(
    ("check", "role", "place"),
    [
        ("role:admin or (role:reader and system_scope:all)", "reader", Place("system", "all")),
        ("role:admin or (role:manager and project_id:%(project_id)s)", "manager", Place("project", "p2")),
        ("role:admin or (role:manager and domain_id:%(of.domain_id)s)", "manager", Place("domain", "d2")),
        ("role:admin or role:service", "admin", Place("project", "p1")),
        ("role:clerk or role:admin", "clerk", Place("project", "p1")),
        ("not role:member or role:admin", "admin", Place("project", "p1")),
    ],
)
def test_remedy_is_the_weakest_role_that_helps(check, role, place):
    policy = Policy([Rule("asked", check, scopes=())])
    target = {"project_id": "p2", "of": {"domain_id": "d2"}}
    assert remedy(policy, "asked", ALICE, target) == Remedy(role, place)


def test_remedy_knows_when_no_role_helps():
    policy = Policy([Rule("mine", "user_id:%(user_id)s"), Rule("no", "!"), Rule("both", "role:a and role:b")])
    for rule in ("mine", "no", "both", "unknown"):
        assert remedy(policy, rule, ALICE, {"user_id": "bob"}) is None
    nobody = Ctx(user_id="u", token="t")
    wide = Policy([Rule("asked", "role:admin", scopes=())])
    assert remedy(wide, "asked", nobody, {}) == Remedy("admin", Place("system", "all"))


def test_a_typical_rule_is_fast():
    policy = Policy([Rule("show", defaults.PROJECT_READER_OR_ADMIN)])
    target = {"project_id": "p1"}
    check = policy._checks["show"]
    seconds = min(timeit.repeat(lambda: check(ALICE, target), number=10_000, repeat=5)) / 10_000
    assert seconds < 5e-6


# --- the oracle ------------------------------------------------------------------------------------------------------

LEAVES = [
    "@",
    "!",
    "role:member",
    "role:admin",
    "role:%(wanted)s",
    "project_id:%(project_id)s",
    "project_id:p1",
    "user_id:%(user.id)s",
    "user_id:%(absent)s",
    "domain_id:%(project_id)s",
    "is_admin:True",
    "system_scope:all",
    "True:%(enabled)s",
    "'public':%(visibility)s",
    '"p1":%(project_id)s',
    "None:%(nothing)s",
    "7:%(size)s",
    "rule:first",
    "rule:second",
    "rule:undefined",
    "roles:member",
    "token.project.id:%(project_id)s",
    "user_name:A%(tail)s",
    "nonsense:%(project_id)s",
]
leaf = st.sampled_from(LEAVES)
tree = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" and ", " or ", " AND ", " Or "]), inner).map("".join),
        inner.map(lambda t: f"({t})"),
        inner.map(lambda t: f"not {t}"),
        inner.map(lambda t: f"( {t} )"),
    ),
    max_leaves=8,
)
words = st.lists(st.sampled_from([*LEAVES, "and", "or", "not", "(", ")", "((", "))", "'text'", "bare"]), max_size=8)
lists = st.lists(st.one_of(leaf, st.lists(leaf, max_size=3)), max_size=3)
targets = st.fixed_dictionaries(
    {},
    optional={
        "project_id": st.sampled_from(["p1", "p2", 7, True]),
        "user.id": st.sampled_from(["alice", "bob"]),
        "wanted": st.sampled_from(["member", "Reader", "boss"]),
        "enabled": st.booleans(),
        "visibility": st.sampled_from(["public", "private"]),
        "nothing": st.none(),
        "size": st.sampled_from([7, 8, "7"]),
        "tail": st.sampled_from(["lice", "", 3]),
    },
)
callers = st.sampled_from([ALICE, ADMIN, Ctx(user_id="s", system_scope="all"), Ctx(user_id="d", domain_id="p2")])


def creds_of(ctx):
    told = {f: getattr(ctx, f) for f in ("user_id", "user_name", "project_id", "domain_id", "system_scope")}
    told = {k: v for k, v in told.items() if v}
    token = {"project": {"id": ctx.project_id}} if ctx.project_id else {}
    return {**told, "token": token, "roles": list(ctx.roles), "is_admin": "admin" in ctx.roles}


def oracle(sources, ctx, target):
    enforcer = oslo.Enforcer(cfg.ConfigOpts(), rules=oslo.Rules.load(repr_yaml(sources)), use_conf=False)
    return bool(enforcer.enforce("asked", target, creds_of(ctx)))


def repr_yaml(sources):
    import json

    return json.dumps(sources)


@settings(max_examples=600, deadline=None)
@given(st.one_of(tree, words.map(" ".join), lists), tree, callers, targets)
def test_oslo_policy_gives_the_same_answer(asked, second, ctx, target):
    """Whatever we can read, oslo.policy answers alike; whatever we refuse to read, it can only deny or ignore."""
    sources = {"first": "role:reader", "second": second.replace("rule:", "role:"), "asked": asked}
    try:
        ours = Policy([], sources).allows("asked", ctx, target)
    except PolicyError:
        assert isinstance(asked, str)
        return
    assert ours == oracle(sources, ctx, target)
