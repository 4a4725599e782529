"""Whatever the OpenAPI documents allow, and what they forbid: no 500, and every refusal in the service's own form.

Bounded: `PILEUS_TEST_EXAMPLES` (3) requests per operation, always the same ones. More by hand: PILEUS_TEST_EXAMPLES=200.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis.core import NotSet
from schemathesis.generation import GenerationMode

import victims
from cloud import LiveCloud
from people import people

EXAMPLES = int(os.environ.get("PILEUS_TEST_EXAMPLES", "3"))
"""Requests per operation."""
SERVICES = ("identity", "image", "placement", "network", "compute")
SETTINGS = hypothesis.settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, report_multiple_bugs=False,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.generate],
)  # fmt: skip


class Target:
    """A cloud with one of each noun, and who asks."""

    def __init__(self, live: LiveCloud) -> None:
        self.live, who = live, people(live)
        admin, demo = live.client("admin"), live.client("demo")
        self.ids = victims.of_project(demo, admin, "fuzz") | victims.of_identity(admin, "fuzz")
        self.tokens = [who["ADMIN_TOKEN"], who["SYSTEM_TOKEN"]]
        self.client = httpx.Client(base_url=live.url, timeout=120)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    live = LiveCloud(tmp_path_factory.mktemp("fuzzed")).start()
    yield Target(live)
    live.stop()


@pytest.mark.timeout(600 + 60 * EXAMPLES)
@pytest.mark.parametrize("service", SERVICES)
def test_no_fault_of_ours(target: Target, service: str) -> None:
    document = target.client.get(f"/openapi/{service}.json").json()
    problems: list[str] = []
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        problems += _fuzz(target, service, found.ok())
    assert not problems, f"{len(problems)} problems\n\n" + "\n\n".join(problems)


def _fuzz(target: Target, service: str, operation: Any) -> list[str]:
    problems: dict[str, str] = {}

    @SETTINGS
    @hypothesis.seed(1)
    @hypothesis.given(st.data())
    def ask(data: st.DataObject) -> None:
        negative = data.draw(st.integers(0, 3)) == 0
        mode = GenerationMode.NEGATIVE if negative else GenerationMode.POSITIVE
        try:
            case = data.draw(operation.as_strategy(generation_mode=mode))
        except (schemathesis.errors.SchemathesisError, hypothesis.errors.Unsatisfiable):
            hypothesis.reject()
        answer, told = send(target, service, case, data)
        problem = judge(service, operation.method, answer)
        if problem:
            problems.setdefault(problem.split("\n")[0], f"{told}\n  {problem}")

    with suppress(hypothesis.errors.Unsatisfiable):  # nothing can break the rules of an operation without input
        ask()
    return list(problems.values())


def send(target: Target, service: str, case: Any, data: st.DataObject) -> tuple[httpx.Response, str]:
    """The case as a request; ids are often those of things that are there."""
    parameters = dict(case.path_parameters or {})
    for name in parameters:
        if name in target.ids and data.draw(st.integers(0, 3)):
            parameters[name] = target.ids[name]
    case.path_parameters = parameters
    if not isinstance(case.body, NotSet):
        case.body = _with_ids(case.body, target.ids, data)
    known = case.as_transport_kwargs(base_url=f"{target.live.url}/{service}")
    headers = {k: str(v) for k, v in dict(known["headers"]).items() if k.lower() not in ("accept", "x-auth-token")}
    headers |= {"X-Auth-Token": data.draw(st.sampled_from(target.tokens)), "Accept": "application/json"}
    if data.draw(st.booleans()) and service in ("compute", "placement"):
        headers["OpenStack-API-Version"] = f"{service} latest"
    raw = known.get("data")
    content = raw if isinstance(raw, (bytes, str)) else None
    extra = {"content": content} if content is not None else {"json": known["json"]} if "json" in known else {}
    try:
        request = target.client.build_request(
            known["method"], known["url"], params=known.get("params"), headers=_sendable(headers), **extra
        )
    except (httpx.InvalidURL, UnicodeError, ValueError):
        hypothesis.reject()
    try:
        answer = target.client.send(request)
    except httpx.LocalProtocolError:
        hypothesis.reject()
    told = f"{request.method} {request.url} {request.headers.get('openstack-api-version', '')}"
    return answer, f"{told}\n  {request.content[:600]!r}"


def _sendable(headers: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in headers.items() if v.isprintable() and v.isascii()}


def _with_ids(body: Any, ids: Mapping[str, str], data: st.DataObject) -> Any:
    if isinstance(body, dict):
        return {
            k: ids[k] if k in ids and data.draw(st.integers(0, 3)) else _with_ids(v, ids, data) for k, v in body.items()
        }
    return [_with_ids(v, ids, data) for v in body] if isinstance(body, list) else body


def judge(service: str, method: str, answer: httpx.Response) -> str:
    """What is wrong with an answer, in words; empty: nothing."""
    if answer.status_code >= 500 and answer.status_code != 501:
        return f"{answer.status_code}: {answer.text[:500]}"
    if answer.status_code >= 400 and method.upper() != "HEAD":
        try:
            body = answer.json()
        except ValueError:
            return f"{answer.status_code} without JSON: {answer.text[:300]!r}"
        if not FORMS[service](body):
            return f"{answer.status_code} in a strange form: {answer.text[:300]}"
    return ""


def _one(body: Any) -> Any:
    return next(iter(body.values())) if isinstance(body, dict) and len(body) == 1 else None


def _has(fault: Any, *keys: str) -> bool:
    return isinstance(fault, dict) and all(k in fault for k in keys)


FORMS = {
    "identity": lambda body: (
        _has(body.get("error"), "code", "message", "title")
        or _has(body, "error", "error_description")  # OAuth 2.0's own
    ),
    "image": lambda body: _has(body, "message", "code", "title"),
    "compute": lambda body: _has(_one(body), "message", "code") or _has((body.get("errors") or [None])[0], "status"),
    "network": lambda body: _has(body.get("NeutronError"), "type", "message", "detail"),
    "placement": lambda body: _has((body.get("errors") or [None])[0], "status", "title", "detail"),
}
