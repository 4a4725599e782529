"""`/v3/domains/{domain_id}/config…`: options of one domain."""

from typing import Any

from pileus.kernel.db import Tx
from pileus.kernel.rest import Answer, Operation, Request
from pileus.services.identity.core import domain_config
from pileus.services.identity.core.neighbours import Near

_BODY = {"type": "object", "properties": {"config": {"type": "object"}}}
_DEPTHS = ("", "/{group}", "/{group}/{option}")
_DEFAULTS = (
    "/v3/domains/config/default",
    "/v3/domains/config/{group}/default",
    "/v3/domains/config/{group}/{option}/default",
)


class DomainConfig:
    def __init__(self, near: Near) -> None:
        self.near = near

    def all_operations(self) -> list[Operation]:
        whole = "/v3/domains/{domain_id}/config"
        found = [_op("PUT", whole, "create", "Options of a domain, all of them anew.", self._replace, body=_BODY)]
        for depth in _DEPTHS:
            path = whole + depth
            found += [
                _op("GET", path, "get", "Options of a domain; nothing sensitive.", self._show),
                _op("PATCH", path, "update", "Change options of a domain.", self._update, body=_BODY),
                _op("DELETE", path, "delete", "Take options from a domain.", self._delete, answers=204),
            ]
        found += [
            _op("GET", path, "get", "What options are where a domain has none.", self._show_default, "_default")
            for path in _DEFAULTS
        ]
        return found

    def _show(self, tx: Tx, request: Request) -> Any:
        domain_id, group, option = _place(request)
        special = "security_compliance_" if group == "security_compliance" else ""
        request.enforce(f"identity:get_{special}domain_config")
        return {"config": domain_config.show(tx, self.near, domain_id, group, option)}

    def _replace(self, tx: Tx, request: Request) -> Answer:
        request.enforce("identity:create_domain_config")
        shown, new = domain_config.replace(
            tx, self.near, request.ctx, request.params["domain_id"], request.body.get("config")
        )
        return Answer(201 if new else 200, {"config": shown})

    def _update(self, tx: Tx, request: Request) -> Any:
        request.enforce("identity:update_domain_config")
        domain_id, group, option = _place(request)
        given = request.body.get("config")
        return {"config": domain_config.update(tx, self.near, request.ctx, domain_id, given, group, option)}

    def _delete(self, tx: Tx, request: Request) -> None:
        request.enforce("identity:delete_domain_config")
        domain_config.delete(tx, self.near, request.ctx, *_place(request))

    def _show_default(self, tx: Tx, request: Request) -> Any:
        request.enforce("identity:get_domain_config_default")
        return {"config": domain_config.show_default(*_place(request)[1:])}


def _place(request: Request) -> tuple[str, str, str]:
    params = request.params
    return params.get("domain_id", ""), params.get("group", ""), params.get("option", "")


def _op(method: str, path: str, verb: str, summary: str, decide: Any, ending: str = "", **more: Any) -> Operation:
    return Operation(
        method=method,
        path=path,
        name=f"{verb}_config",
        resource="domain",
        summary=summary,
        asks=f"identity:{verb}_domain_config{ending}",
        decide=decide,
        **more,
    )
