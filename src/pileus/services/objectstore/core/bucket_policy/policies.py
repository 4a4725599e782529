"""A policy that was read: what it says of a question."""

from collections.abc import Sequence
from enum import Enum

from msgspec import Struct

from pileus.services.objectstore.core.bucket_policy.conditions import Condition, all_hold
from pileus.services.objectstore.core.bucket_policy.patterns import Pattern
from pileus.services.objectstore.core.bucket_policy.principals import Principals
from pileus.services.objectstore.core.bucket_policy.questions import Question


class Effect(Enum):
    ALLOW = "Allow"
    DENY = "Deny"


class Statement(Struct, frozen=True):
    """`others`, `elsewhere`: it is about all but those (`NotPrincipal`, `NotResource`); `NotAction` is in `actions` already.

    `whole`  it is about everything in the bucket, whatever its name.
    """

    deny: bool
    principals: Principals
    others: bool
    actions: frozenset[str]
    resources: tuple[Pattern, ...]
    elsewhere: bool
    conditions: tuple[Condition, ...]
    whole: bool

    def asks(self, question: Question) -> bool:
        """Whether it is about that caller and that action."""
        return question.action in self.actions and self.principals.name(question.who) != self.others

    def covers(self, question: Question) -> bool:
        found = any(one.matches(question.resource, question.facts) for one in self.resources)
        return found != self.elsewhere

    def public(self) -> bool:
        return not self.deny and self.principals.anyone and not any(one.narrows() for one in self.conditions)


class Policy(Struct, frozen=True):
    statements: tuple[Statement, ...]
    public: bool
    """It lets in everybody, or whoever fits a pattern."""

    def judge(self, question: Question) -> Effect | None:
        """A denial goes before everything; None: it says nothing of it."""
        allowed = False
        for one in self.statements:
            if one.asks(question) and one.covers(question) and all_hold(one.conditions, question.facts):
                if one.deny:
                    return Effect.DENY
                allowed = True
        return Effect.ALLOW if allowed else None

    def denies(self, question: Question) -> bool:
        """Whether it denies to somebody who cannot tell of the object more than its name: what might be denied is."""
        return any(
            one.deny
            and one.asks(question)
            and one.covers(question)
            and all_hold(_of_bucket(one.conditions), question.facts)
            for one in self.statements
        )

    def judge_whole(self, question: Question) -> Effect | None:
        """The same for all that the bucket holds, where nobody says which object: what might be denied is."""
        allowed = False
        for one in self.statements:
            if not one.asks(question):
                continue
            of_bucket = _of_bucket(one.conditions)
            if not all_hold(of_bucket, question.facts):
                continue
            if one.deny:
                return Effect.DENY
            allowed |= one.whole and len(of_bucket) == len(one.conditions)
        return Effect.ALLOW if allowed else None


def _of_bucket(conditions: Sequence[Condition]) -> list[Condition]:
    return [one for one in conditions if not one.of_object]
