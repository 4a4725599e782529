"""Which role implies which, followed to the end."""

from collections.abc import Iterable, Iterator

from pileus.services.identity.db.roles import RoleRow


class RoleGraph:
    """All roles by id, with their implications. Circles are harmless."""

    def __init__(self, roles: Iterable[RoleRow], pairs: Iterable[tuple[str, str]]) -> None:
        self.roles = {role.id: role for role in roles}
        self.implies: dict[str, list[str]] = {}
        for prior, implied in pairs:
            self.implies.setdefault(prior, []).append(implied)
        self._closures: dict[str, frozenset[str]] = {}

    def closure(self, role_id: str) -> frozenset[str]:
        """The role and all that it implies, directly or not."""
        found = self._closures.get(role_id)
        if found is None:
            found = self._closures[role_id] = frozenset({role_id, *(implied for _, implied in self.steps(role_id))})
        return found

    def steps(self, role_id: str) -> Iterator[tuple[str, str]]:
        """Every (prior, implied) pair on the ways down from a role."""
        seen, left = {role_id}, [role_id]
        while left:
            prior = left.pop()
            for implied in self.implies.get(prior, ()):
                yield prior, implied
                if implied not in seen:
                    seen.add(implied)
                    left.append(implied)

    def effective(self, role_ids: Iterable[str]) -> list[RoleRow]:
        """What these grants amount to: global roles by name. A domain's own role counts only for what it implies."""
        ids = {implied for id in role_ids for implied in self.closure(id)}
        rows = [self.roles[id] for id in ids if id in self.roles]
        return sorted((row for row in rows if not row.domain_id), key=lambda row: row.name)
