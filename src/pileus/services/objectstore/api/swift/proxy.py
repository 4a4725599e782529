"""Swift's API: the way of a request through it."""

from collections.abc import Mapping

from pileus.kernel.rest import Answer, Operation, Request
from pileus.kernel.types import Fault
from pileus.services.objectstore.api.swift import (
    accounts,
    archive,
    bulk,
    containers,
    cors,
    etags,
    formpost,
    objects,
    pacing,
    syncing,
    tempurl,
    website,
)
from pileus.services.objectstore.api.swift.answers import told
from pileus.services.objectstore.api.swift.call import Call
from pileus.services.objectstore.api.swift.callers import Asking, KeystoneRules, Verdict
from pileus.services.objectstore.api.swift.dialect import LOGIN, PATH, worded
from pileus.services.objectstore.api.swift.hot import Hot
from pileus.services.objectstore.api.swift.info import info
from pileus.services.objectstore.api.swift.paths import Names
from pileus.services.objectstore.api.swift.tempauth import DOMAIN, TempAuth
from pileus.services.objectstore.core.neighbours import Neighbours

METHODS = {
    "account": ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"),
    "container": ("GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"),
    "object": ("GET", "HEAD", "PUT", "POST", "DELETE", "COPY", "OPTIONS"),
}
SERVED = {"account": accounts.serve, "container": containers.serve, "object": objects.serve}
TOLD = {
    "account": "/v1/{account}",
    "container": "/v1/{account}/{container}",
    "object": "/v1/{account}/{container}/{object}",
}


class Proxy:
    def __init__(self, near: Neighbours, tempauth: TempAuth, beside: Mapping[str, object]) -> None:
        """`beside`: what `/info` says of other APIs at the same port."""
        self._near, self._tempauth = near, tempauth
        own = near.settings
        self._names = Names(own.forbidden_characters, own.forbidden_pattern)
        self._rules = KeystoneRules(near.policy, own.reseller_prefix, own.service_prefixes)
        self._info = info(near) | dict(beside)
        self._hot = Hot(near)

    def operations(self) -> list[Operation]:
        found = [
            Operation(method=method, path=TOLD[kind], handle=self._serve, public=True, raw=True, resource=kind)
            for kind, methods in METHODS.items()
            for method in methods
        ]
        lacks = "answered as by a Swift without `list_endpoints`: there are no object servers to tell of"
        found.append(
            Operation(
                method="GET", path="/v1/endpoints", handle=self._serve, public=True, partly=lacks, resource="info"
            )
        )
        found.append(Operation(method="GET", path="/crossdomain.xml", handle=self._tell_domains, public=True))
        found += [Operation(method=m, path="/info", handle=self._tell, public=True) for m in ("GET", "HEAD", "OPTIONS")]
        if self._tempauth:
            found.append(
                Operation(method="GET", path=LOGIN, handle=self._tempauth.answer, public=True, resource="auth")
            )
        return found

    async def _tell_domains(self, request: Request) -> Answer:
        """Which sites old browsers' plug-ins may come from."""
        kind = "http://www.adobe.com/xml/dtds/cross-domain-policy.dtd"
        text = self._near.settings.cross_domain_policy
        document = f'<?xml version="1.0"?>\n<!DOCTYPE cross-domain-policy SYSTEM "{kind}" >\n<cross-domain-policy>\n{text}\n</cross-domain-policy>'
        return Answer(200, raw=document.encode(), media="application/xml")

    async def _tell(self, request: Request) -> Answer:
        if request.method == "OPTIONS":
            return told(200, "", {"Allow": "HEAD, GET, OPTIONS"})
        return Answer(200, self._info)

    async def _serve(self, request: Request) -> Answer:
        known = request.ctx if request.ctx.user_id else None
        call = Call(self._near, request, request.memo[PATH], self._judge, known, self.perform)
        kept = self._hot.recall(call)
        if kept is not None:
            return kept
        try:
            answer = await self._answered(call)
        except Answer as refusal:
            answer = refusal
        except Fault as fault:
            answer = worded(fault)
        if call.method == "HEAD" and answer.status >= 400:
            answer.headers["Content-Length"] = "0"
        etags.quote(call, answer)
        self._hot.keep(call, answer)
        return await cors.opened(call, answer)

    async def _answered(self, call: Call) -> Answer:
        if call.method == "OPTIONS":
            return await cors.preflight(call)
        if call.headers.get(syncing.HEADER):
            await syncing.admit(call)
            return await self.perform(call)
        if call.query.has("bulk-delete") and call.method in ("POST", "DELETE"):
            return await bulk.delete(call)
        if archive.concerns(call):
            return await archive.extract(call)
        if tempurl.concerns(call):
            await tempurl.admit(call)
            return tempurl.dressed(call, await self._shown(call))
        if formpost.concerns(call):
            return await formpost.take(call)
        return await self._shown(call)

    async def _shown(self, call: Call) -> Answer:
        """A page of a web site, or the thing itself."""
        site = await website.serve(call) if website.concerns(call) else None
        return site or await self.perform(call)

    async def perform(self, call: Call) -> Answer:
        """A call that is what it says: of an account, a container or an object."""
        await pacing.keep(self._near.pace, call)
        if call.method == "PUT":
            self._names.check(call.path)
        return await SERVED[call.path.kind](call)

    def _judge(self, call: Call, asking: Asking) -> Verdict:
        if call.caller is not None and call.caller.user_domain_id == DOMAIN:
            return self._tempauth.judge(call.caller, asking)
        return self._rules.judge(call.caller, asking)
