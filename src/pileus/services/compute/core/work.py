"""The long work that decisions of compute start."""

from pileus.kernel.saga import Params


class CreateServer(Params, saga="compute.create_server", frozen=True):
    """Make the guest of a server whose row, claim and ports stand."""

    server_id: str
    request_id: str


class DeleteServer(Params, saga="compute.delete_server", frozen=True):
    server_id: str
    request_id: str


class ChangePower(Params, saga="compute.change_power", frozen=True):
    """Bring the guest to the power, boots and reboot manner of its row. `action` is what the user asked for."""

    server_id: str
    request_id: str
    action: str


class AttachInterface(Params, saga="compute.attach_interface", frozen=True):
    """Plug a port, reserved already, into the guest."""

    server_id: str
    request_id: str
    port_id: str


class DetachInterface(Params, saga="compute.detach_interface", frozen=True):
    """Unplug a port from the guest and give it up."""

    server_id: str
    request_id: str
    port_id: str
