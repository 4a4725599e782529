"""The drivers' own protocols can be spoken over a wire."""

import pytest

from pileus.drivers.blob.protocol import BlobStore, LocalBlobs
from pileus.drivers.hypervisor.protocol import BadImage, Captures, Consoles, Hypervisor, HypervisorError, Tidies, Usages
from pileus.drivers.network.protocol import NetworkDriver
from pileus.kernel.nodes.families import family


@pytest.mark.parametrize("protocol", [Hypervisor, Captures, Consoles, Tidies, Usages, NetworkDriver, BlobStore])
def test_a_family_can_be_made(protocol: type) -> None:
    made = family(protocol)
    assert made.methods
    assert not {"start", "close"} & made.methods.keys()
    again = {name for name, method in made.methods.items() if method.idempotent}
    assert {name for name in made.methods if name.startswith(("ensure", "remove", "observe", "info"))} <= again
    assert not {"put", "capture", "purge", "join"} & again


def test_what_lives_on_one_host_only_cannot() -> None:
    with pytest.raises(TypeError, match=r"LocalBlobs\.path is neither async"):
        family(LocalBlobs)


def test_errors_cross_as_the_nearest_class_of_the_protocol() -> None:
    class Own(HypervisorError):
        pass

    made = family(Hypervisor)
    for error, kind in ((Own("x"), HypervisorError), (BadImage("y"), BadImage), (ValueError("z"), ValueError)):
        back = made.raised(made.refuse(error), "h")
        assert (type(back), str(back)) == (kind, str(error))
