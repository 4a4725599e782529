"""Connections to LDAP servers: kept for a while, given up on in time.

All of it runs in threads of its own; nothing here waits longer than `patience` for a server.
"""

import logging
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import sample
from typing import TypeVar

import ldap3
from ldap3.core.exceptions import (
    LDAPCommunicationError,
    LDAPConstraintViolationResult,
    LDAPException,
    LDAPInappropriateAuthenticationResult,
    LDAPInvalidCredentialsResult,
    LDAPInvalidDNSyntaxResult,
    LDAPNoSuchObjectResult,
    LDAPSizeLimitExceededResult,
    LDAPUnwillingToPerformResult,
)

from pileus.drivers.directory.protocol import DirectoryDown, DirectoryOptions, DirectoryRefused

log = logging.getLogger(__name__)
R = TypeVar("R")
_PATIENCE = 5
_QUIET = 2.0
"""Seconds after a failure in which nobody else is sent to wait for the same."""
_NOT_THIS = (
    LDAPInvalidCredentialsResult,
    LDAPInappropriateAuthenticationResult,
    LDAPInvalidDNSyntaxResult,
    LDAPNoSuchObjectResult,
    LDAPUnwillingToPerformResult,
    LDAPConstraintViolationResult,
)
"""How servers say that somebody may not log in so."""
_TOO_MANY = (
    "The directory of this domain gives no more entries at a time: its option page_size says how many to ask for."
)
_DOWN = "The directory of this domain does not answer."
_REFUSED = "The directory of this domain refuses what it is asked."


class Connections:
    """Those of one directory: some that look around as the directory's user, others that try people's passwords."""

    def __init__(self, options: DirectoryOptions) -> None:
        self._options = options
        limits = (options.connection_timeout, options.pool_connection_timeout if options.use_pool else -1)
        self.patience = min([limit for limit in limits if limit > 0], default=_PATIENCE)
        self._tls = _tls(options)
        self._free: deque[tuple[ldap3.Connection, float]] = deque()
        self._lock = threading.Lock()
        self._quiet_until = 0.0

    def ask(self, question: Callable[[ldap3.Connection], R]) -> R:
        """The answer of any server, over a connection that may have been used before; once more if that one had died."""
        for last in (False, True):
            connection, fresh = self._take(fresh=last)
            try:
                found = question(connection)
            except LDAPCommunicationError as problem:
                _drop(connection)
                if fresh:
                    raise self._down(problem) from None
            except LDAPException as problem:
                _drop(connection)
                raise _refused(problem) from None
            else:
                self._give(connection)
                return found
        raise AssertionError("a fresh connection answers or raises")

    def fits(self, dn: str, password: str) -> bool:
        """Whether a server takes the password for that entry."""
        try:
            connection = self._connect(dn, password)
        except _NOT_THIS:
            return False
        _drop(connection)
        return True

    def close(self) -> None:
        with self._lock:
            free, self._free = self._free, deque()
        for connection, _ in free:
            _drop(connection)

    def _take(self, fresh: bool) -> tuple[ldap3.Connection, bool]:
        with self._lock:
            while self._free and not fresh:
                connection, until = self._free.pop()
                if time.monotonic() < until:
                    return connection, False
                _drop(connection)
        options = self._options
        try:
            return self._connect(options.user, options.password), True
        except _NOT_THIS as problem:
            raise _refused(problem) from None

    def _give(self, connection: ldap3.Connection) -> None:
        options = self._options
        until = time.monotonic() + options.pool_connection_lifetime
        with self._lock:
            if options.use_pool and len(self._free) < options.pool_size:
                self._free.append((connection, until))
                return
        _drop(connection)

    def _connect(self, user: str | None, password: str | None) -> ldap3.Connection:
        """A bound connection to the first server that answers. Raises one of `_NOT_THIS`, or `DirectoryDown`."""
        if time.monotonic() < self._quiet_until:
            raise DirectoryDown(_DOWN)
        until, options = time.monotonic() + self.patience, self._options
        problem: Exception | None = None
        for attempt in range(options.pool_retry_max if options.use_pool else 1):
            if attempt:
                time.sleep(min(options.pool_retry_delay, max(0.0, until - time.monotonic())))
            for url in self._urls():
                left = until - time.monotonic()
                if left <= 0:
                    raise self._down(problem)
                try:
                    return self._bind(url, user, password, left)
                except _NOT_THIS:
                    raise
                except (LDAPCommunicationError, OSError, ssl.SSLError) as error:
                    problem = error
                except LDAPException as error:
                    raise _refused(error) from None
        raise self._down(problem)

    def _bind(self, url: str, user: str | None, password: str | None, left: float) -> ldap3.Connection:
        server = ldap3.Server(url, get_info=ldap3.NONE, connect_timeout=left, tls=self._tls)
        options = self._options
        connection = ldap3.Connection(
            server,
            user=user,
            password=password,
            authentication=ldap3.SIMPLE if user else ldap3.ANONYMOUS,
            client_strategy=ldap3.SYNC,
            auto_referrals=bool(options.chase_referrals),
            check_names=False,
            read_only=True,
            raise_exceptions=True,
            receive_timeout=self.patience,
        )
        try:
            connection.open(read_server_info=False)
            if options.use_tls and not server.ssl:
                connection.start_tls(read_server_info=False)
            connection.bind(read_server_info=False)
        except BaseException:
            _drop(connection)
            raise
        return connection

    def _urls(self) -> list[str]:
        urls = [url.strip() for url in self._options.url.split(",") if url.strip()]
        return sample(urls, len(urls)) if self._options.randomize_urls else urls

    def _down(self, problem: Exception | None) -> DirectoryDown:
        self._quiet_until = time.monotonic() + _QUIET
        log.warning("%s: no server answers: %s", self._options.url, type(problem).__name__ if problem else "in time")
        return DirectoryDown(_DOWN)


@contextmanager
def translated() -> Iterator[None]:
    """What the library raises beyond questions (options it cannot read) as refusals."""
    try:
        yield
    except (LDAPException, ssl.SSLError, OSError) as problem:
        raise _refused(problem) from None


def _refused(problem: Exception) -> DirectoryRefused:
    log.warning("the directory refuses: %s", getattr(problem, "description", None) or type(problem).__name__)
    return DirectoryRefused(_TOO_MANY if isinstance(problem, LDAPSizeLimitExceededResult) else _REFUSED)


def _drop(connection: ldap3.Connection) -> None:
    try:
        connection.unbind()
    except (LDAPException, OSError):
        log.debug("a connection ended badly")


def _tls(options: DirectoryOptions) -> ldap3.Tls | None:
    if not options.use_tls and "ldaps://" not in options.url.lower():
        return None
    demand = options.tls_req_cert == "demand"
    with translated():
        return ldap3.Tls(
            validate=ssl.CERT_REQUIRED if demand else ssl.CERT_NONE,
            ca_certs_file=options.tls_cacertfile,
            ca_certs_path=options.tls_cacertdir,
        )
