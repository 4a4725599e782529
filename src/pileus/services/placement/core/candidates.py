"""Candidates: every way in which providers could give what a question asks for.

Tree by tree: each group of the question gets its options from the tree and from those who share with it, the options are
combined, and what would overcommit a provider or breaks a rule between the groups is dropped.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from msgspec import Struct

from pileus.kernel.db import Tx
from pileus.services.placement.core import searching, traits
from pileus.services.placement.core.wishes import Group, Question
from pileus.services.placement.db import forests, providers
from pileus.services.placement.db.forests import Node

_BATCH = 250


class Offer(Struct, frozen=True):
    """One candidate: (provider, class) -> amount, and the providers that serve each group."""

    amounts: dict[tuple[str, str], int]
    mappings: dict[str, tuple[str, ...]]


class Offers(Struct, frozen=True):
    """Candidates, with all providers of the trees that they come from (by id)."""

    offers: list[Offer]
    nodes: dict[str, Node]


class Forest(Struct, frozen=True):
    """What is the same for all trees of one question. `in_tree`: provider named by the question -> root of its tree."""

    question: Question
    sharing: list[Node]
    in_tree: Mapping[str, str]


Option = tuple[tuple[Node, str, int], ...]
"""One way to serve a group: (provider, class, amount). A group without resources: (provider, "", 0)."""


def ask(tx: Tx, question: Question) -> Offers:
    """Raises `Invalid` for names that there are not."""
    searching.check_names(tx, question.groups, question.root_required | question.root_forbidden)
    in_tree = {}
    for group in question.groups:
        if group.in_tree:
            row = providers.find(tx, group.in_tree)
            if row is None:
                return Offers([], {})
            in_tree[group.in_tree] = row.root_id
    forest = Forest(question, forests.sharing(tx, traits.SHARING), in_tree)
    found: list[Offer] = []
    nodes: dict[str, Node] = {}
    seen: set[Any] = set()
    for root, members in _trees(tx, forest):
        for offer in _offers(forest, root, members):
            key = (frozenset(offer.amounts.items()), frozenset(offer.mappings.items()))
            if key in seen:
                continue
            seen.add(key)
            found.append(offer)
            if len(found) == question.limit:
                break
        nodes |= {node.row.id: node for node in members}
        if len(found) == question.limit:
            break
    return Offers(found, _with_trees_of(tx, forest, found, nodes))


def _trees(tx: Tx, forest: Forest) -> Iterator[tuple[Node, list[Node]]]:
    """Trees that might do, a batch at a time: with a limit, the first batch is as a rule the last."""
    question = forest.question
    alone = not forest.sharing
    needs: dict[str, int] = {}
    for group in question.groups:
        for name, amount in group.resources.items():
            needs[name] = min(amount, needs.get(name, amount))
    roots = set(forest.in_tree.values())
    if alone and len(roots) > 1:
        return
    nested, offset = providers.any_nested(tx), 0
    size = min(question.limit or _BATCH, _BATCH)
    while True:
        batch = forests.hopeful(
            tx,
            sorted(needs.items()) if alone else [],
            [names for group in question.groups for names in group.required] if alone else [],
            [ids for group in question.groups for ids in group.member_of] if alone else [],
            question.root_required,
            question.root_forbidden,
            next(iter(roots)) if alone and roots else "",
            nested,
            offset,
            size,
        )
        for root, members in forests.whole(tx, batch).items():
            yield next(node for node in members if node.row.id == root), members
        if len(batch) < size:
            return
        offset, size = offset + size, size * 4


def _offers(forest: Forest, root: Node, members: list[Node]) -> Iterator[Offer]:
    """All candidates anchored at one tree."""
    question = forest.question
    in_tree = frozenset(a for node in members for a in node.aggregates)
    inside = {node.row.id for node in members}
    shared = [node for node in forest.sharing if node.row.id not in inside and node.aggregates & in_tree]
    roots = {node.row.id: node for node in forest.sharing} | {root.row.id: root}
    choices = []
    for group in question.groups:
        wanted_root = forest.in_tree.get(group.in_tree, "")
        near = [n for n in (*members, *shared) if not wanted_root or n.row.root_id == wanted_root]
        options = list(_of_one(group, near) if group.suffix else _of_tree(group, near, roots))
        if not options:
            return
        choices.append(options)
    parents = {node.row.id: node.row.parent_id for node in (*members, *shared)}
    for combination in product(*choices):
        offer = _combined(question, combination)
        if offer is not None and _related(question, offer, parents):
            yield offer


def _of_tree(group: Group, near: Sequence[Node], roots: Mapping[str, Node]) -> Iterator[Option]:
    """Ways to serve the group without suffix: each class from any provider; together they have the traits."""

    def belongs(node: Node) -> bool:
        root = roots.get(node.row.root_id)
        aggregates = node.aggregates | root.aggregates if root is not None else node.aggregates
        return all(ids & aggregates for ids in group.member_of) and not group.not_member_of & aggregates

    fit = [node for node in near if not group.forbidden & node.traits and belongs(node)]
    suppliers = [[(n, c, amount) for n in fit if _room(n, c, amount)] for c, amount in group.resources.items()]
    for option in product(*suppliers):
        if group.required:
            together = frozenset(trait for node, _, _ in option for trait in node.traits)
            if not all(names & together for names in group.required):
                continue
        yield option


def _of_one(group: Group, near: Sequence[Node]) -> Iterator[Option]:
    """Ways to serve a group with a suffix: one provider gives all, has the traits and is in the aggregates itself."""
    for node in near:
        if group.forbidden & node.traits or group.not_member_of & node.aggregates:
            continue
        if not all(names & node.traits for names in group.required):
            continue
        if not all(ids & node.aggregates for ids in group.member_of):
            continue
        if all(_room(node, name, amount) for name, amount in group.resources.items()):
            yield tuple((node, name, amount) for name, amount in group.resources.items()) or ((node, "", 0),)


def _room(node: Node, resource_class: str, amount: int) -> bool:
    stock = node.stock.get(resource_class)
    return (
        stock is not None
        and stock.used + amount <= stock.capacity
        and stock.min_unit <= amount <= stock.max_unit
        and amount % stock.step_size == 0
    )


def _combined(question: Question, combination: tuple[Option, ...]) -> Offer | None:
    """The options of all groups as one candidate; None when together they are too much, or too near."""
    amounts: dict[tuple[str, str], int] = {}
    mappings: dict[str, tuple[str, ...]] = {}
    taken: set[str] = set()
    for group, option in zip(question.groups, combination, strict=True):
        ids = tuple(dict.fromkeys(node.row.id for node, _, _ in option))
        mappings[group.suffix] = ids
        if question.isolate and group.suffix:
            if taken.intersection(ids):
                return None
            taken.update(ids)
        for node, name, amount in option:
            if not name:
                continue
            key = (node.row.id, name)
            total = amounts[key] = amounts.get(key, 0) + amount
            if total > amount:
                stock = node.stock[name]
                if stock.used + total > stock.capacity or total > stock.max_unit:
                    return None
    if not question.nested and not _flat(combination):
        return None
    return Offer(amounts, mappings)


def _flat(combination: tuple[Option, ...]) -> bool:
    """Whether no tree gives from more than one of its providers: all that callers before 1.29 understand."""
    by_tree: dict[str, set[str]] = {}
    for option in combination:
        for node, _, _ in option:
            by_tree.setdefault(node.row.root_id, set()).add(node.row.id)
    return all(len(ids) == 1 for ids in by_tree.values())


def _related(question: Question, offer: Offer, parents: Mapping[str, str | None]) -> bool:
    """Whether the groups of each `same_subtree` stand below one of their own providers."""
    for suffixes in question.same_subtree:
        ids = {provider_id for suffix in suffixes for provider_id in offer.mappings[suffix]}
        lines = [set(_line(provider_id, parents)) for provider_id in ids]
        if not any(all(top in line for line in lines) for top in ids):
            return False
    return True


def _line(provider_id: str, parents: Mapping[str, str | None]) -> Iterator[str]:
    """A provider and those above it."""
    at: str | None = provider_id
    while at is not None:
        yield at
        at = parents.get(at)


def _with_trees_of(tx: Tx, forest: Forest, found: list[Offer], nodes: dict[str, Node]) -> dict[str, Node]:
    """The providers of all trees that give something, also of those that share."""
    used = {provider_id for offer in found for provider_id, _ in offer.amounts}
    foreign = {node.row.root_id for node in forest.sharing if node.row.id in used and node.row.id not in nodes}
    more = {n.row.id: n for members in forests.whole(tx, sorted(foreign)).values() for n in members}
    known = nodes | more
    roots = {known[provider_id].row.root_id for provider_id in used}
    return {i: node for i, node in known.items() if node.row.root_id in roots}
