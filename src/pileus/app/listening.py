"""Which face answers at which port, and the listeners there."""

from collections.abc import Collection, Mapping
from pathlib import Path

from pileus.app.addresses import Addresses
from pileus.app.settings import CloudSettings
from pileus.kernel.config import ConfigError
from pileus.kernel.rest import Door, Entry, Face, Listeners, PortTaken, Service, Tls


def doors(services: Mapping[str, Service], addresses: Addresses) -> dict[int, Door]:
    """By port: each service at its own, all of them by path at two more."""
    faces: dict[str, Face] = {name: s.face for name, s in services.items() if s.listens}
    by_path = Door(mounts=dict(faces))
    for service in services.values():
        faces |= service.faces
    found = {addresses.port(name): Door(root=face) for name, face in faces.items()}
    found[addresses.port("identity_admin")] = Door(root=faces["identity"])
    found[addresses.port("all")] = found[addresses.port("tls")] = by_path
    found.pop(0, None)
    return found


def listen(app: Entry, ports: Collection[int], own: CloudSettings, secure: int) -> list[Listeners]:
    """Listeners in the clear, and with TLS at the port `secure` unless it is 0; all ports are taken, or none."""
    found = [Listeners(app, [(own.host, port) for port in ports if port != secure])]
    if secure:
        missing = [f for f in (own.tls_certificate, own.tls_key) if not f or not Path(f).is_file()]
        if missing:
            raise ConfigError([f"[ports] tls: [cloud] tls_certificate and tls_key are to be files, not {missing}"])
        tls = Tls(own.tls_certificate, own.tls_key, own.tls_client_authority)
        found.append(Listeners(app, [(own.host, secure)], tls=tls))
    try:
        for listeners in found:
            listeners.bind()
    except PortTaken:
        for listeners in found:
            listeners.release()
        raise
    return found
