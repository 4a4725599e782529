"""The language of mappings. What is expected here was asked of Keystone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pileus.services.identity.core import mapping
from pileus.services.identity.core.mapping import BrokenMapping, Mapped, MappedGroup, MappedProject, MappedUser, Named

ALICE = {"REMOTE_USER": "alice", "MAIL": "a@x", "G": "staff;admins;guests", "EMPTY": ""}


def rule(*remote: dict[str, Any], local: Any = None) -> dict[str, Any]:
    return {"local": local if local is not None else [{"user": {"name": "{0}"}}], "remote": list(remote)}


def apply(*rules: dict[str, Any], version: str = "1.0", **more: Any) -> Mapped | None:
    return mapping.apply(rules, {**ALICE, **more}, version)


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"type": "REMOTE_USER"}, True),
        ({"type": "NOT_THERE"}, False),
        ({"type": "EMPTY"}, True),
        ({"type": "REMOTE_USER", "any_one_of": ["bob", "alice"]}, True),
        ({"type": "REMOTE_USER", "any_one_of": ["ali"]}, False),
        ({"type": "REMOTE_USER", "any_one_of": []}, False),
        ({"type": "REMOTE_USER", "any_one_of": ["^ali"], "regex": True}, True),
        ({"type": "REMOTE_USER", "any_one_of": ["^ice"], "regex": True}, False),
        ({"type": "G", "any_one_of": ["guests"]}, True),
        ({"type": "G", "not_any_of": ["guests"]}, False),
        ({"type": "G", "not_any_of": ["others"]}, True),
        ({"type": "G", "not_any_of": ["est"], "regex": True}, False),
        ({"type": "G", "not_any_of": ["est"], "regex": False}, True),
        ({"type": "NOT_THERE", "not_any_of": ["x"]}, False),
    ],
)
def test_conditions(condition: dict[str, Any], holds: bool) -> None:
    found = apply(rule(condition, local=[{"user": {"name": "x"}}]))
    assert (found is not None) == holds


def test_only_what_maps_has_a_number() -> None:
    tests = [
        {"type": "G", "any_one_of": ["staff"]},
        {"type": "MAIL"},
        {"type": "G", "not_any_of": ["x"]},
        {"type": "REMOTE_USER"},
    ]
    found = apply(rule(*tests, local=[{"user": {"name": "{1}", "email": "{0}", "id": "u-{1}-{0}"}}]))
    assert found is not None
    assert found.user == MappedUser(name="alice", email="a@x", id="u-alice-a@x")


def test_filters_map_what_they_let_through() -> None:
    groups = [{"user": {"name": "{0}"}}, {"groups": "{1}", "domain": {"id": "d"}}]
    white = apply(rule({"type": "REMOTE_USER"}, {"type": "G", "whitelist": ["admins", "staff", "x"]}, local=groups))
    black = apply(rule({"type": "REMOTE_USER"}, {"type": "G", "blacklist": ["^adm"], "regex": True}, local=groups))
    none = apply(rule({"type": "REMOTE_USER"}, {"type": "G", "whitelist": ["x"]}, local=groups))
    assert white is not None
    assert black is not None
    assert none is not None
    assert [g.name for g in white.groups] == ["staff", "admins"]
    assert [g.name for g in black.groups] == ["staff", "guests"]
    assert none.groups == ()
    assert none.user.name == "alice"


def test_several_values_in_a_text_are_written_as_keystone_does() -> None:
    found = apply(rule({"type": "G"}))
    assert found is not None
    assert found.user.name == "['staff', 'admins', 'guests']"


def test_a_sequence_is_its_values_as_they_are() -> None:
    found = apply(rule({"type": "CLAIM"}, local=[{"groups": "{0}", "domain": {"name": "D"}}]), CLAIM=["a;b", "c"])
    assert found is not None
    assert found.groups == (MappedGroup("a;b", Named(name="D")), MappedGroup("c", Named(name="D")))


TOLD = 'JSON:{"name": "g1", "domain": {"name": "D"}}'
OTHER = 'JSON:{"name": "g2", "domain": {"id": "d"}}'


def test_groups_as_other_clouds_tell_them() -> None:
    local = [{"user": {"name": "{0}"}}, {"groups": "{1}"}]
    found = apply(rule({"type": "MAIL"}, {"type": "G"}, local=local), G=f"{TOLD};{OTHER}")
    assert found is not None
    assert found.groups == (MappedGroup("g1", Named(name="D")), MappedGroup("g2", Named("d")))
    for wrong in (f"{TOLD};plain", "JSON:{bad", 'JSON:{"name":"x"}', 'JSON:["a"]', "", "JSON:"):
        with pytest.raises(BrokenMapping):
            apply(rule({"type": "MAIL"}, {"type": "G"}, local=local), G=wrong)


def test_a_provider_does_not_lead_out_of_the_rules_domain() -> None:
    local = [{"user": {"name": "{0}"}}, {"groups": "{1}", "domain": {"id": "bound"}}]
    found = apply(rule({"type": "MAIL"}, {"type": "G"}, local=local), G=[TOLD])
    assert found is not None
    assert found.groups == (MappedGroup(TOLD, Named("bound")),)


def test_results_of_all_rules_count() -> None:
    found = apply(
        rule({"type": "REMOTE_USER"}, local=[{"user": {"name": "{0}1"}, "group": {"id": "g1"}}]),
        rule(
            {"type": "REMOTE_USER"}, local=[{"user": {"name": "{0}2"}}, {"group_ids": "{0}"}, {"group": {"id": "g1"}}]
        ),
        rule({"type": "NOT_THERE"}, local=[{"group": {"id": "never"}}]),
        rule({"type": "MAIL"}, local=[{"group": {"name": "{0}", "domain": {"id": "d"}}}]),
        rule({"type": "G"}, local=[{"group_ids": "{0}"}]),
    )
    assert found is not None
    assert found.user.name == "alice1"
    assert found.group_ids == ("g1", "alice", "staff", "admins", "guests")
    assert found.groups == (MappedGroup("a@x", Named("d")),)


def test_domains_for_all_are_of_the_second_version() -> None:
    local = [{"user": {"name": "{0}"}, "projects": [{"name": "p", "roles": [{"name": "r"}]}]}, {"domain": {"id": "d"}}]
    first, second = (apply(rule({"type": "MAIL"}, local=local), version=v) for v in ("1.0", "2.0"))
    assert first is not None
    assert second is not None
    assert (first.user.domain, first.projects) == (None, (MappedProject("p", ("r",)),))
    assert (second.user.domain, second.projects) == (Named("d"), (MappedProject("p", ("r",), Named("d")),))


def test_a_users_own_domain_counts_in_both() -> None:
    local = [{"user": {"name": "{0}", "type": "local", "domain": {"name": "D"}}}]
    for version in ("1.0", "2.0"):
        found = apply(rule({"type": "MAIL"}, local=local), version=version)
        assert found is not None
        assert (found.user.kind, found.user.domain) == ("local", Named(name="D"))


@pytest.mark.parametrize(
    "local",
    [
        {"user": {"name": "{1}"}},
        {"user": {"name": "{x}"}},
        {"user": {"name": "{0.__class__}"}},
        {"user": {"name": "{0[0]}"}},
        {"user": {"name": "{0!r}"}},
        {"user": {"name": "{0:>99999999999}"}},
        {"user": {"name": "{"}},
        {"groups": "{0}"},
    ],
)
def test_what_cannot_be_meant(local: dict[str, Any]) -> None:
    with pytest.raises(BrokenMapping):
        apply(rule({"type": "MAIL"}, local=[local]))


def test_nothing_holds_and_nothing_results() -> None:
    assert apply(rule({"type": "NOT_THERE"})) is None
    assert apply(rule({"type": "MAIL"}, local=[])) is None
    assert mapping.apply([rule({"type": "MAIL"})], {}) is None


def test_patterns_are_compiled_before_they_are_kept() -> None:
    mapping.check_patterns([rule({"type": "a", "any_one_of": ["("]})])
    with pytest.raises(ValueError, match="not a regular expression"):
        mapping.check_patterns([rule({"type": "a", "any_one_of": ["("], "regex": True})])


WORDS = st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=4, unique=True)


@given(found=WORDS, allowed=WORDS)
def test_lists_partition_the_values(found: list[str], allowed: list[str]) -> None:
    values = {"T": found}
    (white,) = mapping.match([{"type": "T", "whitelist": allowed}], values) or [[]]
    (black,) = mapping.match([{"type": "T", "blacklist": allowed}], values) or [[]]
    assert sorted(white + black) == sorted(found)
    assert set(white) <= set(allowed)
    one = mapping.match([{"type": "T", "any_one_of": allowed}], values)
    none = mapping.match([{"type": "T", "not_any_of": allowed}], values)
    assert (one is None) == (white == [])
    assert (none is None) == (one is not None)


@given(values=st.lists(WORDS, min_size=1, max_size=3), text=st.text(max_size=20))
def test_filling_is_plain_replacement(values: list[list[str]], text: str) -> None:
    """Whatever the values and however odd the template: text or a refusal, never code, never another error."""
    try:
        filled = mapping.fill(text, values)
    except BrokenMapping:
        return
    assert isinstance(filled, str)
    assert mapping.fill("{0}", values) == (values[0][0] if len(values[0]) == 1 else str(values[0]))


@given(values=st.lists(st.text(max_size=8), min_size=2, max_size=5))
def test_lists_come_back_out_of_a_text(values: list[str]) -> None:
    assert mapping.listed(mapping.fill("{0}", [values])) == values
