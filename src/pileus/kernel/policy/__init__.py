"""Who may do what: the oslo.policy rule language, compiled to closures."""

from pileus.kernel.policy import defaults
from pileus.kernel.policy.explain import Explanation, Part, explain
from pileus.kernel.policy.overrides import load_overrides
from pileus.kernel.policy.rules import Policy, Rule, scope_of
from pileus.kernel.policy.syntax import PolicyError

__all__ = [
    "Explanation",
    "Part",
    "Policy",
    "PolicyError",
    "Rule",
    "defaults",
    "explain",
    "load_overrides",
    "scope_of",
]
