"""Real guests through libvirt and QEMU. What an operator must know: `docs/howto/hypervisor-libvirt.md`."""

from pileus.drivers.hypervisor.libvirt.driver import LibvirtHypervisor
from pileus.drivers.hypervisor.libvirt.settings import LibvirtSettings

__all__ = ["LibvirtHypervisor", "LibvirtSettings"]
