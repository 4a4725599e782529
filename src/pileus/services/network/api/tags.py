"""Tags below every noun that has them: `/v2.0/networks/{network_id}/tags`."""

from collections.abc import Callable, Iterable
from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request
from pileus.services.network.api.noun import Standard
from pileus.services.network.core import tags
from pileus.services.network.core.refusals import bad_input, missing

Decide = Callable[[Tx, Request, str, str], Any]


def operations(nouns: Iterable[Standard]) -> list[Operation]:
    """All tag operations of all nouns."""
    return [op for noun in nouns for op in _of(noun)]


def _of(noun: Standard) -> Iterable[Operation]:
    path = f"{noun.path}/{noun.item}/tags"
    one = path + "/{tag}"
    yield _operation(noun, "GET", path, "get", _all)
    yield _operation(noun, "PUT", path, "update", _replace, body={})
    yield _operation(noun, "POST", path, "create", _add, body={})
    yield _operation(noun, "DELETE", path, "delete", _drop_all, answers=204)
    yield _operation(noun, "GET", one, "get", _one, answers=204)
    yield _operation(noun, "PUT", one, "update", _add_one, answers=201)
    yield _operation(noun, "DELETE", one, "delete", _drop, answers=204)


def _operation(noun: Standard, method: str, path: str, verb: str, act: Decide, **more: Any) -> Operation:
    def decide(tx: Tx, request: Request) -> Any:
        row = noun.row(tx, request, f"{verb}_{noun.member}:tags")
        return act(tx, request, noun.plural, row.id)

    return Operation(
        method=method,
        path=path,
        name=f"{verb}_tags",
        asks=f"{verb}_{noun.member}:tags",
        resource=noun.member,
        decide=decide,
        view=lambda _, made: made if made is None or isinstance(made, Answer) else {"tags": list(made)},
        summary=(act.__doc__ or "").strip(),
        **more,
    )


def _body(request: Request) -> Any:
    if not isinstance(request.body, dict) or "tags" not in request.body:
        raise bad_input("Invalid tags body")
    return request.body["tags"]


def _all(tx: Tx, request: Request, resource: str, id: str) -> Any:
    """All tags."""
    return tags.of(tx, resource, id)


def _replace(tx: Tx, request: Request, resource: str, id: str) -> Any:
    """Exactly these tags."""
    asked = _body(request)
    tags.judge_all(asked, resource)
    return tags.replace(tx, resource, id, asked)


def _add(tx: Tx, request: Request, resource: str, id: str) -> Any:
    """More tags."""
    asked = _body(request)
    tags.judge_all(asked, resource)
    return tags.add(tx, resource, id, asked)


def _drop_all(tx: Tx, request: Request, resource: str, id: str) -> None:
    """No tags."""
    tags.drop_all(tx, resource, id)


def _one(tx: Tx, request: Request, resource: str, id: str) -> None:
    """Whether a tag is there."""
    if request.params["tag"] not in tags.of(tx, resource, id):
        raise missing("Tag", request.params["tag"])


def _add_one(tx: Tx, request: Request, resource: str, id: str) -> None:
    """One more tag."""
    tags.add(tx, resource, id, [request.params["tag"]])


def _drop(tx: Tx, request: Request, resource: str, id: str) -> None:
    """One tag less."""
    tags.drop(tx, resource, id, request.params["tag"])
