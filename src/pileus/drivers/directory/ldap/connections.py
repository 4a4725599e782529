"""Connections to LDAP servers: kept for a while, given up on in time.

All of it runs in threads of its own; nothing here waits longer than `patience` for a server.
"""

import contextlib
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


class Kept:
    """Connections that nobody uses now, `size` at most, each for `lifetime` seconds after its last use."""

    def __init__(self, size: int, lifetime: float) -> None:
        self._size, self._lifetime = size, lifetime
        self._free: deque[tuple[ldap3.Connection, float]] = deque()
        self._lock = threading.Lock()

    def take(self) -> ldap3.Connection | None:
        """One that was not closed, as far as anybody knows. (The library would open a closed one again without its TLS.)"""
        with self._lock:
            while self._free:
                connection, until = self._free.pop()
                if time.monotonic() < until and not connection.closed:
                    return connection
                _drop(connection)
        return None

    def give(self, connection: ldap3.Connection) -> None:
        with self._lock:
            if len(self._free) < self._size and not connection.closed:
                self._free.append((connection, time.monotonic() + self._lifetime))
                return
        _drop(connection)

    def close(self) -> None:
        with self._lock:
            free, self._free = self._free, deque()
        for connection, _ in free:
            _drop(connection)


class Connections:
    """Those of one directory: some that look around as the directory's user, others that try people's passwords."""

    def __init__(self, options: DirectoryOptions) -> None:
        self._options = options
        limits = (options.connection_timeout, options.pool_connection_timeout if options.use_pool else -1)
        self.patience = min([limit for limit in limits if limit > 0], default=_PATIENCE)
        self._tls = _tls(options)
        self._own = Kept(options.pool_size if options.use_pool else 0, options.pool_connection_lifetime)
        self._tried = Kept(
            options.auth_pool_size if options.use_auth_pool else 0, options.auth_pool_connection_lifetime
        )
        self._quiet_until = 0.0

    def ask(self, question: Callable[[ldap3.Connection], R]) -> R:
        """The answer of any server, over a connection that may have been used before, or a fresh one if that had died."""
        used = self._own.take()
        if used is not None:
            with contextlib.suppress(LDAPCommunicationError):
                return self._answer(used, question)
        try:
            fresh = self._connect(self._options.user, self._options.password)
        except _NOT_THIS as problem:
            raise _refused(problem) from None
        try:
            return self._answer(fresh, question)
        except LDAPCommunicationError as problem:
            raise self._down(problem) from None

    def fits(self, dn: str, password: str) -> bool:
        """Whether a server takes the password for that entry."""
        connection = self._tried.take()
        try:
            if connection is not None:
                with contextlib.suppress(LDAPCommunicationError):
                    connection.rebind(user=dn, password=password, read_server_info=False)
                    self._tried.give(_forgetful(connection))
                    return True
                _drop(connection)
            connection = self._connect(dn, password)
        except _NOT_THIS:
            if connection is not None:
                self._tried.give(_forgetful(connection))
            return False
        except LDAPException as problem:
            raise _refused(problem) from None
        self._tried.give(_forgetful(connection))
        return True

    def close(self) -> None:
        self._own.close()
        self._tried.close()

    def _answer(self, connection: ldap3.Connection, question: Callable[[ldap3.Connection], R]) -> R:
        try:
            found = question(connection)
        except LDAPCommunicationError:
            _drop(connection)
            raise
        except LDAPException as problem:
            _drop(connection)
            raise _refused(problem) from None
        self._own.give(connection)
        return found

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
        url, secret = self._options.url, self._options.password
        shown = url.replace(secret, "***") if secret else url
        log.warning("%s: no server answers: %s", shown, type(problem).__name__ if problem else "in time")
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


def _forgetful(connection: ldap3.Connection) -> ldap3.Connection:
    """Without the password that was tried last: it is not kept in memory."""
    connection.user = connection.password = None
    return connection


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
