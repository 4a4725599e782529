"""Bucket policies as such: what is read, what is refused, what is judged."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pileus.services.objectstore.core import judging
from pileus.services.objectstore.core.bucket_policy import Effect, Malformed, Policy, Question, Who, read
from pileus.services.objectstore.core.bucket_policy.actions import ACTIONS
from pileus.services.objectstore.core.bucket_policy.patterns import Pattern, tokens
from pileus.services.objectstore.core.settings import ObjectSettings
from pileus.services.objectstore.db.containers import ContainerRow

BOB = Who("shop", "bob-id", "bob", frozenset({"member"}))
EVE = Who("rivals", "eve-id", "eve", frozenset({"reader"}))
NOBODY = Who()


def statement(**fields: Any) -> dict[str, Any]:
    plain = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}
    return {name: value for name, value in {**plain, **fields}.items() if value is not None}


def policy(*statements: dict[str, Any], version: str = "2012-10-17") -> Policy:
    return read(json.dumps({"Version": version, "Statement": list(statements)}), "b", "AUTH_")


def judged(
    made: Policy,
    who: Who = BOB,
    action: str = "s3:GetObject",
    resource: str = "b/k",
    facts: Mapping[str, Any] | None = None,
) -> Effect | None:
    found = {key: value if isinstance(value, list) else [value] for key, value in (facts or {}).items()}
    return made.judge(Question(who, action, resource, found.get))


def holds(condition: dict[str, Any], facts: Mapping[str, Any], action: str = "s3:GetObject") -> bool:
    return judged(policy(statement(Action=action, Condition=condition)), action=action, facts=facts) is Effect.ALLOW


# --- wildcards --------------------------------------------------------------------------------------------------------


def reference(pattern: str, text: str) -> bool:
    """By the definition, place by place."""
    rows = [[False] * (len(text) + 1) for _ in range(len(pattern) + 1)]
    rows[0][0] = True
    for p, char in enumerate(pattern, 1):
        rows[p][0] = char == "*" and rows[p - 1][0]
        for t in range(1, len(text) + 1):
            if char == "*":
                rows[p][t] = rows[p - 1][t] or rows[p][t - 1]
            else:
                rows[p][t] = rows[p - 1][t - 1] and char in ("?", text[t - 1])
    return rows[-1][-1]


def matches(pattern: str, text: str, facts: Mapping[str, Any] | None = None) -> bool:
    found = (facts or {}).get
    return Pattern(tokens(pattern, wild=True, variables=True, known=str.lower)).matches(text, found)


@given(st.text("ab*?/", max_size=12), st.text("ab/", max_size=12))
def test_wildcards_are_what_they_are_said_to_be(pattern: str, text: str) -> None:
    assert matches(pattern, text) == reference(pattern, text)


@pytest.mark.parametrize("pattern", ["*a" * 3000 + "b", "*?" * 3000 + "b", "?*a" * 2000, "a" * 9000 + "*?", "*" * 9000])
def test_hostile_wildcards_cost_little(pattern: str) -> None:
    made = Pattern(tokens(pattern, wild=True, variables=False, known=str))
    began = time.process_time()
    made.matches("a" * 60_000, lambda key: None)
    assert time.process_time() - began < 30  # what backtracks takes hours


def test_variables_are_text_and_no_wildcards() -> None:
    assert matches("home/${aws:username}/*", "home/bob/x", {"aws:username": ["bob"]})
    assert not matches("home/${aws:username}/*", "home/eve/x", {"aws:username": ["*"]})
    assert matches("home/${aws:username}/*", "home/*/x", {"aws:username": ["*"]})
    assert not matches("home/${aws:username}/*", "home//x")
    assert matches("home/${aws:username, 'guest'}/*", "home/guest/x")
    assert matches("a${*}b${?}c${$}d", "a*b?c$d")
    assert not matches("a${*}b", "axb")


def test_variables_are_text_in_the_old_version() -> None:
    old = policy(statement(Resource="arn:aws:s3:::b/${aws:username}"), version="2008-10-17")
    assert judged(old, resource="b/bob", facts={"aws:username": "bob"}) is None
    assert judged(old, resource="b/${aws:username}") is Effect.ALLOW


# --- principals, actions, resources -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("principal", "bob", "eve", "nobody"),
    [
        ("*", True, True, True),
        ({"AWS": "*"}, True, True, True),
        ({"AWS": ["x", "*"]}, True, True, True),
        ({"AWS": "shop"}, True, False, False),
        ({"AWS": "AUTH_shop"}, True, False, False),
        ({"CanonicalUser": "AUTH_rivals"}, False, True, False),
        ({"AWS": "arn:aws:iam::shop:root"}, True, False, False),
        ({"AWS": "arn:aws:iam::AUTH_shop:root"}, True, False, False),
        ({"AWS": "arn:aws:iam::shop:user/bob-id"}, True, False, False),
        ({"AWS": "arn:aws:iam::shop:user/bob"}, True, False, False),
        ({"AWS": "arn:aws:iam::rivals:user/bob-id"}, False, False, False),
        ({"AWS": "arn:aws:iam:::user/bob-id"}, True, False, False),
        ({"AWS": "arn:aws:iam:::user/bob"}, False, False, False),
        ({"AWS": "arn:aws:iam::rivals:role/Reader"}, False, True, False),
        ({"AWS": "arn:aws:iam::rivals:role/member"}, False, False, False),
        ({"AWS": ["arn:aws:iam::shop:root", "rivals"]}, True, True, False),
    ],
)
def test_principals(principal: Any, bob: bool, eve: bool, nobody: bool) -> None:
    made = policy(statement(Principal=principal))
    assert [judged(made, who) is Effect.ALLOW for who in (BOB, EVE, NOBODY)] == [bob, eve, nobody]
    other = policy(statement(Effect="Deny", Principal=None, NotPrincipal=principal))
    assert [judged(other, who) is None for who in (BOB, EVE, NOBODY)] == [bob, eve, nobody]


@pytest.mark.parametrize(
    ("actions", "get", "put", "version"),
    [
        ("*", True, True, True),
        ("s3:*", True, True, True),
        ("S3:getobject", True, False, False),
        (["s3:GetObject", "s3:PutObject"], True, True, False),
        ("s3:GetObject*", True, False, True),
        ("s3:?etObject", True, False, False),
    ],
)
def test_actions(actions: Any, get: bool, put: bool, version: bool) -> None:
    names = ("s3:GetObject", "s3:PutObject", "s3:GetObjectVersion")
    made = policy(statement(Action=actions))
    assert [judged(made, action=name) is Effect.ALLOW for name in names] == [get, put, version]
    other = policy(statement(Action=None, NotAction=actions))
    assert [judged(other, action=name) is None for name in names] == [get, put, version]


def test_resources() -> None:
    made = policy(statement(Resource=["arn:aws:s3:::b", "arn:aws:s3:::b/a?/*"]))
    found = [judged(made, resource=r) is Effect.ALLOW for r in ("b", "b/a1/x", "b/a1", "b/a12/x", "bb")]
    assert found == [True, True, False, False, False]
    other = policy(statement(Resource=None, NotResource="arn:aws:s3:::b/open/*"))
    assert [judged(other, resource=r) is Effect.ALLOW for r in ("b/open/x", "b/x")] == [False, True]
    for everything in ("*", "arn:aws:s3:::*"):
        assert judged(policy(statement(Resource=everything))) is Effect.ALLOW


# --- conditions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "key", "values", "given", "fits"),
    [
        ("StringEquals", "aws:Referer", "x", "x", True),
        ("StringEquals", "aws:Referer", ["y", "x"], "x", True),
        ("StringEquals", "aws:Referer", "x*", "xy", False),
        ("StringNotEquals", "aws:Referer", ["x", "y"], "y", False),
        ("StringNotEquals", "aws:Referer", ["x", "y"], "z", True),
        ("StringNotEquals", "aws:Referer", "x", None, True),
        ("StringEquals", "aws:Referer", "x", None, False),
        ("StringEqualsIfExists", "aws:Referer", "x", None, True),
        ("StringEqualsIfExists", "aws:Referer", "x", "y", False),
        ("StringEqualsIgnoreCase", "aws:Referer", "XY", "xy", True),
        ("StringNotEqualsIgnoreCase", "aws:Referer", "XY", "xy", False),
        ("StringLike", "aws:Referer", "http://*.org/?", "http://a.org/1", True),
        ("StringNotLike", "aws:Referer", "http://*.org/?", "http://a.org/1", False),
        ("NumericEquals", "s3:signatureAge", "10", "10.0", True),
        ("NumericNotEquals", "s3:signatureAge", 10, "11", True),
        ("NumericLessThan", "s3:signatureAge", "10", "9", True),
        ("NumericLessThan", "s3:signatureAge", "10", "10", False),
        ("NumericLessThanEquals", "s3:signatureAge", "10", "10", True),
        ("NumericGreaterThan", "s3:signatureAge", 600000, "600001", True),
        ("NumericGreaterThanEquals", "s3:signatureAge", "10", "x", False),
        ("DateLessThan", "aws:CurrentTime", "2026-11-24T00:00:00Z", "2026-11-23T10:00:00Z", True),
        ("DateGreaterThan", "aws:CurrentTime", "2026-11-24", "2026-11-23T10:00:00Z", False),
        ("DateGreaterThan", "aws:EpochTime", "1000", "2000", True),
        ("DateEquals", "aws:CurrentTime", "1970-01-01T00:16:40Z", "1000", True),
        ("Bool", "aws:SecureTransport", "false", "false", True),
        ("Bool", "aws:SecureTransport", True, "false", False),
        ("BoolIfExists", "aws:MultiFactorAuthPresent", "true", None, True),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", "10.1.2.3", True),
        ("IpAddress", "aws:SourceIp", ["192.0.2.1", "2001:db8::/32"], "2001:db8::7", True),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", "unix", False),
        ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", "unix", True),
        ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", "10.1.2.3", False),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:user/b*", "arn:aws:iam::shop:user/bob-id", True),
        ("ArnLike", "aws:PrincipalArn", "arn:*:user/bob:x:y:z", "arn:aws:iam::shop:user/bob-id", False),
        (
            "ArnEquals",
            "aws:PrincipalArn",
            "arn:aws:iam::shop:user/${aws:userid}",
            "arn:aws:iam::shop:user/bob-id",
            True,
        ),
        ("ArnNotEquals", "aws:PrincipalArn", "arn:aws:iam::shop:user/bob-id", "arn:aws:iam::shop:user/bob-id", False),
        ("ArnNotLike", "aws:PrincipalArn", "arn:aws:iam::shop:*", None, True),
        ("Null", "aws:Referer", "true", None, True),
        ("Null", "aws:Referer", "true", "x", False),
        ("Null", "aws:Referer", False, "x", True),
    ],
)
def test_operators(operator: str, key: str, values: Any, given: str | None, fits: bool) -> None:
    facts = {key.lower(): given} if given is not None else {}
    assert holds({operator: {key: values}}, facts | {"aws:userid": "bob-id"}) is fits


@pytest.mark.parametrize(
    ("operator", "given", "fits"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "c"], False),
        ("ForAllValues:StringEquals", None, True),
        ("ForAnyValue:StringEquals", ["a", "c"], True),
        ("ForAnyValue:StringEquals", ["c"], False),
        ("ForAnyValue:StringEquals", None, False),
        ("ForAnyValue:StringEqualsIfExists", None, True),
        ("ForAnyValue:StringNotEquals", ["a", "c"], True),
        ("ForAllValues:StringNotEquals", ["a", "c"], False),
        ("ForAllValues:StringNotLike", ["c", "d"], True),
        ("StringEquals", ["a", "c"], True),
        ("StringNotEquals", ["a", "c"], False),
    ],
)
def test_many_values(operator: str, given: Any, fits: bool) -> None:
    facts = {} if given is None else {"s3:requestobjecttagkeys": given}
    assert holds({operator: {"s3:RequestObjectTagKeys": ["a", "b"]}}, facts, "s3:PutObject") is fits


def test_all_conditions_hold_and_tags_have_their_case() -> None:
    both = {
        "StringEquals": {"s3:ExistingObjectTag/Team": "a", "aws:Referer": "r"},
        "Bool": {"aws:SecureTransport": "true"},
    }
    facts = {"s3:existingobjecttag/Team": "a", "aws:referer": "r", "aws:securetransport": "true"}
    assert holds(both, facts)
    assert not any(holds(both, {k: v for k, v in facts.items() if k != gone}) for gone in facts)
    assert not holds(both, {k.lower(): v for k, v in facts.items()})


# --- deny goes first --------------------------------------------------------------------------------------------------

EFFECTS = st.sampled_from(["Allow", "Deny"])
PRINCIPALS = st.sampled_from(["*", {"AWS": "shop"}, {"AWS": "rivals"}, {"AWS": "arn:aws:iam::shop:user/bob-id"}])
CHOSEN = st.sampled_from(["s3:*", "s3:Get*", "s3:GetObject", "s3:PutObject", "s3:ListBucket"])
PLACES = st.sampled_from(
    ["arn:aws:s3:::b/*", "arn:aws:s3:::b", "arn:aws:s3:::*", "arn:aws:s3:::b/a*", "arn:aws:s3:::b/?"]
)
CONDITIONS = st.sampled_from([None, {"StringLike": {"aws:Referer": "r*"}}, {"Null": {"aws:Referer": "true"}}])
STATEMENTS = st.builds(
    lambda effect, who, what, where, when: statement(
        Effect=effect, Principal=who, Action=what, Resource=where, Condition=when
    ),
    EFFECTS,
    PRINCIPALS,
    CHOSEN,
    PLACES,
    CONDITIONS,
)
QUESTIONS = st.tuples(
    st.sampled_from([BOB, EVE, NOBODY]),
    st.sampled_from(["s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:DeleteBucket"]),
    st.sampled_from(["b", "b/a", "b/x", "b/abc"]),
    st.sampled_from([{}, {"aws:referer": "rx"}]),
)


@given(st.lists(STATEMENTS, min_size=1, max_size=6), QUESTIONS, st.randoms())
def test_a_denial_goes_before_everything(statements: list[dict[str, Any]], asked: Any, random: Any) -> None:
    alone = [judged(policy(one), *asked) for one in statements]
    wanted = Effect.DENY if Effect.DENY in alone else Effect.ALLOW if Effect.ALLOW in alone else None
    assert judged(policy(*statements), *asked) is wanted
    random.shuffle(statements)
    assert judged(policy(*statements), *asked) is wanted
    assert judged(policy(*statements, statement(Effect="Deny", Action="*", Resource="*")), *asked) is Effect.DENY


@given(st.lists(STATEMENTS, min_size=1, max_size=4), QUESTIONS)
def test_the_whole_is_never_more_open_than_a_part(statements: list[dict[str, Any]], asked: Any) -> None:
    made = policy(*statements)
    who, action, _, facts = asked
    question = Question(who, action, "b", {k: [v] for k, v in facts.items()}.get)
    parts = [judged(made, who, action, f"b/{key}", facts) for key in ("a", "x", "abc", "zz/z")]
    if made.judge_whole(question) is Effect.ALLOW:
        assert set(parts) == {Effect.ALLOW}
    if Effect.DENY in parts:
        assert made.judge_whole(question) is Effect.DENY


def test_what_only_an_object_can_tell_is_denied_where_nobody_knows_it() -> None:
    secret = {"StringEquals": {"s3:ExistingObjectTag/secret": "yes"}}
    made = policy(statement(), statement(Effect="Deny", Condition=secret))
    question = Question(BOB, "s3:GetObject", "b/k", lambda key: None)
    assert made.judge(question) is Effect.ALLOW
    assert made.denies(question)
    assert made.judge_whole(question) is Effect.DENY
    other = policy(statement(Condition={"StringNotEquals": {"s3:ExistingObjectTag/secret": "yes"}}))
    assert other.judge_whole(question) is None


# --- who is let in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "public"),
    [
        ({}, True),
        ({"Effect": "Deny"}, False),
        ({"Principal": {"AWS": "shop"}}, False),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/32"}}}, False),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.1", "::/0"]}}}, True),
        ({"Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.1"}}}, True),
        ({"Condition": {"IpAddressIfExists": {"aws:SourceIp": "10.0.0.1"}}}, True),
        ({"Condition": {"StringEquals": {"aws:PrincipalAccount": "shop"}}}, False),
        ({"Condition": {"StringLike": {"aws:PrincipalAccount": "s*"}}}, True),
        ({"Condition": {"StringEquals": {"aws:Referer": "x"}}}, True),
        ({"Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::shop:user/bob"}}}, False),
        ({"Condition": {"ForAllValues:StringEquals": {"aws:userid": "bob"}}}, True),
    ],
)
def test_public(fields: dict[str, Any], public: bool) -> None:
    assert policy(statement(**fields)).public is public


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"Effect": "allow"}, "allow"),
        ({"Principal": None}, "Principal"),
        ({"NotPrincipal": "*"}, "NotPrincipal"),
        ({"Principal": None, "NotPrincipal": {"AWS": "shop"}}, "NotPrincipal"),
        ({"Principal": "shop"}, "Principal"),
        ({"Principal": {"AWS": []}}, "principal"),
        ({"Principal": {"AWS": "sh*"}}, "sh*"),
        ({"Principal": {"AWS": "arn:aws:iam::*:root"}}, "arn:aws:iam::*:root"),
        ({"Principal": {"AWS": "arn:aws:iam:::root"}}, "arn:aws:iam:::root"),
        ({"Principal": {"AWS": "arn:aws:sts::shop:assumed-role/x/y"}}, "assumed-role"),
        ({"Principal": {"Service": "logging.s3.amazonaws.com"}}, "Service"),
        ({"Principal": {"Federated": "x"}}, "Federated"),
        ({"Action": "s3:Nothing"}, "s3:Nothing"),
        ({"Action": "s3:Nothing*"}, "s3:Nothing*"),
        ({"Action": "ec2:RunInstances"}, "ec2:RunInstances"),
        ({"Action": []}, "action"),
        ({"Action": None}, "Action"),
        ({"NotAction": "s3:*"}, "Action"),
        ({"Resource": "arn:aws:s3:::other/*"}, "other"),
        ({"Resource": "b/*"}, "b/*"),
        ({"Resource": "arn:aws:s3:::bb*"}, "bb*"),
        ({"Resource": None}, "Resource"),
        ({"Condition": {"StringMaybe": {"aws:Referer": "x"}}}, "StringMaybe"),
        ({"Condition": {"BinaryEquals": {"aws:Referer": "x"}}}, "BinaryEquals"),
        ({"Condition": {"ForSome:StringEquals": {"aws:Referer": "x"}}}, "ForSome"),
        ({"Condition": {"StringEquals": {"aws:SourceVpc": "x"}}}, "aws:SourceVpc"),
        ({"Condition": {"StringEquals": {"s3:prefix": "x"}}}, "s3:prefix"),
        ({"Condition": {"StringEquals": {"s3:ExistingObjectTag/": "x"}}}, "ExistingObjectTag"),
        ({"Condition": {"StringLike": {"aws:Referer": "${aws:nothing}"}}}, "aws:nothing"),
        ({"Condition": {"StringLike": {"aws:Referer": "${aws:username"}}}, "variable"),
        ({"Condition": {"StringEquals": {"aws:Referer": []}}}, "aws:Referer"),
        ({"Condition": {"StringEquals": {"aws:Referer": {"a": 1}}}}, "aws:Referer"),
        ({"Condition": {"StringEquals": "x"}}, "StringEquals"),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}}}, "10.0.0.0/33"),
        ({"Condition": {"NumericLessThan": {"s3:signatureAge": "ten"}}}, "ten"),
        ({"Condition": {"NumericLessThan": {"s3:signatureAge": "1e9"}}}, "1e9"),
        ({"Condition": {"DateLessThan": {"aws:CurrentTime": "tomorrow"}}}, "tomorrow"),
        ({"Condition": {"Bool": {"aws:SecureTransport": "yes"}}}, "yes"),
        ({"Condition": {"Null": {"aws:Referer": "x"}}}, "Null"),
        ({"Condition": {"ArnLike": {"aws:PrincipalArn": "bob"}}}, "bob"),
        ({"Sid": "a\nb"}, "SID"),
        ({"Sid": 7}, "SID"),
        ({"Efect": "Deny"}, "Efect"),
    ],
)
def test_what_would_not_be_obeyed_is_refused_by_name(fields: dict[str, Any], word: str) -> None:
    with pytest.raises(Malformed, match=r".*") as caught:
        policy(statement(**fields))
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "JSON"),
        ("[]", "JSON"),
        ("{" * 9000, "JSON"),
        ("[" * 9000 + "]" * 9000, "JSON"),
        ('{"Statement": NaN}', "NaN"),
        ('{"Version": "2012-10-17"}', "Statement"),
        ('{"Version": "2012-10-17", "Statement": []}', "Statement"),
        ('{"Version": "2012-10-17", "Statement": [7]}', "statement"),
        ('{"Version": "2020-01-01", "Statement": []}', "2020-01-01"),
        ('{"Versions": "2012-10-17", "Statement": []}', "Versions"),
        ('{"Id": 7, "Statement": [{}]}', "Id"),
        ('{"Statement": [{"Effect": "Deny", "Effect": "Allow"}]}', "Effect"),
        ('{"Statement": [' + "1" * 5000 + "]}", "JSON"),
        (json.dumps({"Statement": [statement(Sid="a"), statement(Sid="a")]}), "SID"),
        (json.dumps({"Id": "x" * 21_000, "Statement": [statement()]}), "20480"),
    ],
)
def test_no_policy(text: str, word: str) -> None:
    with pytest.raises(Malformed) as caught:
        read(text, "b", "AUTH_")
    assert word in str(caught.value)


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["Version", "Statement", "Effect", "Principal", "AWS", "Action", "Resource", "Condition", "StringLike"]), inner
)))  # fmt: skip
def test_any_json_is_read_or_refused(said: Any) -> None:
    with contextlib.suppress(Malformed):
        assert read(json.dumps(said), "b", "AUTH_").statements


@pytest.mark.parametrize("action", ["s3:*e*t*", "s3:?*"])
def test_a_long_policy_is_read_quickly(action: str) -> None:
    words = [f"{action}{'*' * (number % 7)}" for number in range(1200)]
    began = time.process_time()
    made = policy(statement(Action=words))
    assert time.process_time() - began < 30  # what backtracks takes hours
    assert judged(made) is Effect.ALLOW
    assert len(ACTIONS) > 80


def test_what_an_older_release_took_denies_everything() -> None:
    near: Any = SimpleNamespace(settings=ObjectSettings())
    row = ContainerRow(
        1, "AUTH_shop", "b", "standard", "", 0, 0, None, json.dumps({"Statement": [{"Effect": "Perhaps"}]})
    )
    made = judging.policy_of(near, row)
    assert made is not None
    assert [judged(made, who, action) for who in (BOB, NOBODY) for action in ("s3:GetObject", "s3:ListBucket")] == [
        Effect.DENY
    ] * 4
    assert judging.policy_of(near, replace(row, policy="")) is None
