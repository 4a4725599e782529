"""Sockets of the listeners."""

from __future__ import annotations

import socket

from pileus.kernel.rest.server import Listeners


def test_an_answers_body_does_not_wait_for_its_head_to_be_acknowledged() -> None:
    """asyncio sets TCP_NODELAY on connections only where the listener names its protocol."""
    listeners = Listeners(None, [("127.0.0.1", 0)])
    listeners.bind()
    try:
        assert [one.proto for one in listeners._sockets] == [socket.IPPROTO_TCP]
    finally:
        listeners.release()
