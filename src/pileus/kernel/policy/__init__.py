"""Who may do what: the oslo.policy rule language, compiled to closures."""

from pileus.kernel.policy import defaults
from pileus.kernel.policy.explain import Explanation, Part, explain
from pileus.kernel.policy.overrides import load_overrides
from pileus.kernel.policy.remedy import Place, Remedy, place_of, remedy
from pileus.kernel.policy.rules import Policy, Rule, scope_of
from pileus.kernel.policy.syntax import PolicyError

__all__ = [
    "Explanation",
    "Part",
    "Place",
    "Policy",
    "PolicyError",
    "Remedy",
    "Rule",
    "defaults",
    "explain",
    "load_overrides",
    "place_of",
    "remedy",
    "scope_of",
]
