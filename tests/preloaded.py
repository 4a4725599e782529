"""The stock `openstack` command, imported once: each call is a fork of a process that has loaded it already.

`python preloaded.py SOCKET` serves; `start(…)` makes the `openstack` command that calls it. What runs is the client's own
`main`, with the caller's arguments, environment, directory and terminal; only the seconds of its imports are saved.
"""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

CALL = """#!{python} -ES
import json, os, socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect({path!r})
call = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(link, [len(call).to_bytes(4, "big")], [0, 1, 2])
link.sendall(call)
sys.exit(int(link.recv(8) or b"1"))
"""


def serve(path: str) -> None:
    from openstackclient import shell  # type: ignore[import-not-found]
    from openstackclient.compute.v2 import flavor, keypair, server
    from openstackclient.image.v2 import image
    from openstackclient.network.v2 import network, port, router, subnet

    assert all((flavor, keypair, server, image, network, port, router, subnet))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{path}.new")
    listener.listen()
    os.rename(f"{path}.new", path)  # who sees it may call
    while True:
        link, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _run(link, shell.main)
        link.close()


def _run(link: socket.socket, main) -> None:
    size, streams, _flags, _address = socket.recv_fds(link, 4, 3)
    text = b""
    while len(text) < int.from_bytes(size, "big"):
        text += link.recv(1 << 16)
    arguments, folder, environ = json.loads(text)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    code = 1
    try:
        code = main(arguments) or 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        link.sendall(str(code).encode())
        os._exit(0)


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Serves from a new process; puts the command `openstack` into the folder. The caller kills it."""
    path = folder / "openstack.socket"
    process = subprocess.Popen([sys.executable, __file__, str(path)], stdin=subprocess.DEVNULL)
    end = time.monotonic() + 180
    while not path.exists():
        assert process.poll() is None, "the openstack client cannot be loaded"
        assert time.monotonic() < end, "the openstack client is not loaded in three minutes"
        time.sleep(0.05)
    command = folder / "openstack"
    command.write_text(CALL.format(python=sys.executable, path=str(path)))
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return process


if __name__ == "__main__":
    serve(sys.argv[1])
