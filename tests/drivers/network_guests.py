"""Guests for tests of network drivers: a namespace with a card `eth0`, wired to the port's tap as QEMU would be.

The tap is made in the host's namespace under the port's device name and lives as long as this guest holds it open. A
thread carries frames between it and `eth0`."""

import asyncio
import contextlib
import errno
import fcntl
import ipaddress
import os
import random
import re
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from pileus.drivers.network.linux.namespaces import Namespace

T = TypeVar("T")
_TUNSETIFF, _TAP, _NO_PI = 0x400454CA, 0x0002, 0x1000
BROADCAST = b"\xff" * 6
PATIENCE = 60.0
"""Seconds in which what is to come has come, on a busy machine too."""


def open_tap(name: str) -> int:
    file = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(file, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TAP | _NO_PI))
    return file


class Inside:
    """Things done in a network namespace: a guest's, the host's, a router's."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self._sockets: list[socket.socket] = []

    def run(self, *command: str, check: bool = True) -> str:
        with self.namespace.entered():
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def pings(self, address: str, *more: str, count: int = 1) -> bool:
        """Whether an answer comes, however late. Only where nobody knew the address yet is it tried again."""
        end = time.monotonic() + PATIENCE
        while True:
            done = self._ping(PATIENCE, *more, "-c", str(count), address)
            unknown = b"Host Unreachable" in done.stdout or b"Address unreachable" in done.stdout
            if done.returncode == 0 or not unknown or time.monotonic() > end:
                return done.returncode == 0

    def misses(self, address: str, *more: str) -> bool:
        """Whether no answer comes within a second."""
        return self._ping(1, *more, "-c", "1", address).returncode != 0

    def _ping(self, wait: float, *more: str) -> "subprocess.CompletedProcess[bytes]":
        command = ("ping", "-n", "-i", "0.2", "-W", str(wait), *more)
        with self.namespace.entered():
            return subprocess.run(command, capture_output=True, timeout=4 * PATIENCE, check=False)

    def plug(self, kind: int = socket.SOCK_STREAM, family: int = socket.AF_INET, protocol: int = 0) -> socket.socket:
        with self.namespace.entered():
            made = socket.socket(family, kind, protocol)
        made.settimeout(PATIENCE)
        self._sockets.append(made)
        return made

    def hang_up(self) -> None:
        for one in self._sockets:
            one.close()

    def listen(self, port: int, kind: int = socket.SOCK_STREAM, address: str = "0.0.0.0") -> socket.socket:
        made = self.plug(kind, socket.AF_INET6 if ":" in address else socket.AF_INET)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        if kind == socket.SOCK_STREAM:
            made.listen(8)
        return made

    def connect(self, address: str, port: int, wait: float = PATIENCE) -> socket.socket | None:
        """A connection, or None when nobody lets us in within `wait` seconds. As patient as `pings`."""
        end = time.monotonic() + wait
        while True:
            made = self.plug(family=socket.AF_INET6 if ":" in address else socket.AF_INET)
            made.settimeout(wait)
            try:
                made.connect((address, port))
            except OSError as error:
                made.close()
                if error.errno != errno.EHOSTUNREACH or time.monotonic() > end:
                    return None
                time.sleep(0.1)
            else:
                made.settimeout(PATIENCE)
                return made

    def http(self, address: str, path: str = "/", method: str = "GET", headers: str = "", body: bytes = b"") -> bytes:
        connection = self.connect(address, 80)
        assert connection, f"no connection to {address}:80"
        with connection:
            length = f"Content-Length: {len(body)}\r\n" if body else ""
            connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}{length}\r\n".encode() + body)
            answer = b""
            while data := connection.recv(65536):
                answer += data
        return answer


class Guest(Inside):
    """A virtual machine as far as the network sees it."""

    def __init__(self, device: str, mac: str, name: str, home: str = "") -> None:
        super().__init__(Namespace(name))
        self.device = device
        self.mac = mac
        self._home = Namespace(home)
        self.tap = -1
        self._card = -1
        self._stop_read = self._stop_write = -1
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._configured: list[tuple[tuple[str, ...], str]] = []

    def start(self) -> None:
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self.namespace.remove()
        self.namespace.create("guest of a test")
        with self._home.entered():
            self.tap = open_tap(self.device)
        with self.namespace.entered():
            self._card = open_tap("eth0")
        patient = {f"{family}/neigh/eth0/{kind}cast_solicit": 100 for family in ("ipv4", "ipv6") for kind in ("u", "m")}
        self.namespace.set({"ipv6/conf/eth0/accept_dad": 0, **patient})
        self.run("ip", "link", "set", "eth0", "address", self.mac, "mtu", "1450", "up")
        self._thread.start()
        self._wait_for_its_own_address()

    def _wait_for_its_own_address(self) -> None:
        """The link-local one: nothing is sent over IPv6 before it stands."""
        end = time.monotonic() + PATIENCE
        while not re.search(
            r"inet6 fe80(?!.* tentative)", self.run("ip", "-6", "-o", "address", "show", "dev", "eth0")
        ):
            assert time.monotonic() < end, "eth0 has no link-local address"
            time.sleep(0.01)

    def stop(self) -> None:
        """The guest ends as QEMU does: its files close, the tap vanishes."""
        self.hang_up()
        if self.tap >= 0:
            os.write(self._stop_write, b"x")
            self._thread.join()
            for file in (self.tap, self._card, self._stop_read, self._stop_write):
                os.close(file)
            self.tap = -1
        self.namespace.remove()

    def start_again(self) -> None:
        """As it was configured before."""
        self.start()
        for addresses, gateway in list(self._configured):
            self.configure(*addresses, gateway=gateway)

    def configure(self, *addresses: str, gateway: str = "") -> None:
        if (addresses, gateway) not in self._configured:
            self._configured.append((addresses, gateway))
        for address in addresses:
            self.run("ip", "address", "replace", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
        if gateway:
            self.run("ip", "-6" if ":" in gateway else "-4", "route", "replace", "default", "via", gateway)

    def send_frame(self, frame: bytes) -> None:
        with self.namespace.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
            wire.bind(("eth0", 0))
            wire.send(frame)

    @contextlib.contextmanager
    def sniffing(self) -> Iterator[socket.socket]:
        """Frames that reach the card."""
        with self.namespace.entered():
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        wire.bind(("eth0", 3))
        wire.settimeout(PATIENCE)
        with wire:
            yield wire

    def dhcp(self, wait: float = PATIENCE, mac: str = "") -> dict[int, bytes] | None:
        """The options of the acknowledgement (0: the address); None when nobody answers."""
        client = DhcpClient(self, mac or self.mac, wait)
        with client:
            offer = client.ask(1, {}, 2)
            if offer is None:
                return None
            return client.ask(3, {50: offer[0], 54: offer[54]}, 5)

    def dhcp6(self, wait: float) -> str:
        """The address that a DHCPv6 server offers; empty when none does."""
        duid = b"\0\3\0\1" + bytes.fromhex(self.mac.replace(":", ""))
        options = ((1, duid), (3, b"\0\0\0\1" + bytes(8)), (8, b"\0\0"))
        ask = b"\1abc" + b"".join(struct.pack("!HH", n, len(v)) + v for n, v in options)
        with self.namespace.links() as links:
            index = links.get("eth0").index
        with self.plug(socket.SOCK_DGRAM, socket.AF_INET6) as client:
            client.settimeout(wait)
            client.bind(("::", 546))
            client.sendto(ask, ("ff02::1:2", 547, 0, index))
            try:
                answer = client.recv(2048)
            except TimeoutError:
                return ""
        offered = _options6(_options6(answer[4:]).get(3, b"")[12:]).get(5, b"")
        return str(ipaddress.IPv6Address(offered[:16])) if offered else ""

    def lease(self) -> dict[int, bytes]:
        """Ask, and configure the card by the answer."""
        options = self.dhcp()
        assert options, "no answer to DHCP"
        prefix = ipaddress.ip_network(f"0.0.0.0/{socket.inet_ntoa(options[1])}").prefixlen
        self.configure(f"{socket.inet_ntoa(options[0])}/{prefix}")
        for target, hop in classless_routes(options.get(121, b"")):
            way = ["via", hop] if hop != "0.0.0.0" else []
            self.run("ip", "route", "replace", target, *way, "dev", "eth0")
        return options

    def _carry(self) -> None:
        other = {self.tap: self._card, self._card: self.tap}
        for file in other:
            os.set_blocking(file, False)
        while True:
            ready, _, _ = select.select([*other, self._stop_read], [], [])
            if self._stop_read in ready:
                return
            for file in ready:
                with contextlib.suppress(OSError):
                    for _ in range(64):
                        os.write(other[file], os.read(file, 65536))


class Stream:
    """Echo requests fifty times a second; `lost` ends it."""

    def __init__(self, guest: Guest, address: str) -> None:
        self._wire = guest.plug(socket.SOCK_RAW, protocol=socket.IPPROTO_ICMP)
        self._wire.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE: no answer is lost here
        self._wire.connect((address, 0))
        self._end = threading.Event()
        self._sent = 0
        self._sender = threading.Thread(target=self._send, daemon=True)
        self._sender.start()

    def _send(self) -> None:
        while not self._end.wait(0.02):
            head = struct.pack("!BBHHH", 8, 0, 0, 0x7EA2, self._sent)
            self._wire.send(head[:2] + struct.pack("!H", checksum(head)) + head[4:])
            self._sent += 1

    def lost(self) -> tuple[int, int]:
        """(how many of them nobody answered, of how many)."""
        self._end.set()
        self._sender.join()
        open_ = set(range(self._sent))
        with contextlib.suppress(TimeoutError):
            while open_:
                kind, _, _, number, sequence = struct.unpack_from("!BBHHH", self._wire.recv(2048), 20)
                if (kind, number) == (0, 0x7EA2):
                    open_.discard(sequence)
        return len(open_), self._sent


class DhcpClient:
    """The least of RFC 2131 that a client needs, on raw frames so that any MAC can ask."""

    def __init__(self, guest: Guest, mac: str, wait: float) -> None:
        self._mac = bytes.fromhex(mac.replace(":", ""))
        self._wait = wait
        self._id = random.randbytes(4)
        with guest.namespace.entered():
            self._wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self._wire.bind(("eth0", 0x0800))

    def __enter__(self) -> "DhcpClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()

    def ask(self, kind: int, options: dict[int, bytes], answer: int) -> dict[int, bytes] | None:
        """Again every five seconds, as clients do, until an answer of that kind comes or the time is over."""
        end = time.monotonic() + self._wait
        while (left := end - time.monotonic()) > 0:
            self._wire.settimeout(min(left, 5))
            self._wire.send(self._request(kind, options))
            with contextlib.suppress(TimeoutError):
                while True:
                    found = self._read(self._wire.recv(65536))
                    if found and found.get(53) == bytes([answer]):
                        return found
        return None

    def _request(self, kind: int, options: dict[int, bytes]) -> bytes:
        fixed = struct.pack("!BBBB4sHH16x", 1, 1, 6, 0, self._id, 0, 0x8000) + self._mac + bytes(10 + 192)
        wanted = {53: bytes([kind]), 55: bytes([1, 3, 6, 12, 15, 26, 42, 121, 249]), **options}
        body = fixed + b"\x63\x82\x53\x63" + b"".join(bytes([n, len(v)]) + v for n, v in wanted.items()) + b"\xff"
        return udp_frame(self._mac, BROADCAST, "0.0.0.0", "255.255.255.255", 68, 67, body)

    def _read(self, frame: bytes) -> dict[int, bytes] | None:
        if len(frame) < 282 or frame[23] != 17 or frame[34:38] != b"\0\x43\0\x44":
            return None
        message = frame[42:]
        if message[4:8] != self._id:
            return None
        found, at = {0: message[16:20]}, 240
        while at < len(message) and message[at] != 255:
            if message[at] == 0:
                at += 1
                continue
            size = message[at + 1]
            found[message[at]] = message[at + 2 : at + 2 + size]
            at += 2 + size
        return found


def _options6(data: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at + 4 <= len(data):
        number, size = struct.unpack_from("!HH", data, at)
        found[number] = data[at + 4 : at + 4 + size]
        at += 4 + size
    return found


def classless_routes(data: bytes) -> list[tuple[str, str]]:
    routes, at = [], 0
    while at < len(data):
        bits = data[at]
        size = (bits + 7) // 8
        target = socket.inet_ntoa(data[at + 1 : at + 1 + size].ljust(4, b"\0"))
        routes.append((f"{target}/{bits}", socket.inet_ntoa(data[at + 1 + size : at + 5 + size])))
        at += 5 + size
    return routes


def udp_frame(
    source_mac: bytes, mac: bytes, source: str, target: str, from_port: int, to_port: int, body: bytes
) -> bytes:
    udp = struct.pack("!HHHH", from_port, to_port, 8 + len(body), 0) + body
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, _packed(source), _packed(target))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return mac + source_mac + b"\x08\x00" + head + udp


def arp_frame(source_mac: bytes, claimed_mac: bytes, claimed: str, asked: str) -> bytes:
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + claimed_mac + _packed(claimed) + BROADCAST + _packed(asked)
    return BROADCAST + source_mac + b"\x08\x06" + body


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def _packed(address: str) -> bytes:
    return socket.inet_aton(address)


async def aside(work: Callable[..., T], *args: object) -> T:
    """In a thread of its own: guests enter namespaces."""
    return await asyncio.to_thread(work, *args)
