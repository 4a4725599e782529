"""A process that makes a guest be, and may be killed at any moment: `libvirt_child.py STATE BOOTS`."""

import asyncio
import sys

from drivers.hypervisor_rigs import Images, boot_disk, simple_guest
from pileus.drivers.hypervisor.libvirt import LibvirtHypervisor, LibvirtSettings
from pileus.drivers.hypervisor.protocol import Disk, Guest, Nic


def wanted(images: Images, boots: int) -> Guest:
    """The same in parent and child."""
    disks = (boot_disk(images), Disk(id=f"extra-{boots}", source="blank", size_gb=1))
    nics = (Nic(id="n-1", mac="52:54:00:aa:05:01", device="hyp-tk"),)
    return simple_guest(generation=boots + 1, boots=boots, reboot="hard", disks=disks, nics=nics)


async def main(state: str, boots: int) -> None:
    async def join(device: str) -> None:
        await asyncio.sleep(0.05)

    images = Images()
    driver = LibvirtHypervisor(LibvirtSettings(state=state), images=images.read, join=join, boot_id="boot-1")
    await driver.start()
    print("started", flush=True)
    await driver.ensure(wanted(images, boots))
    print("ensured", flush=True)
    await driver.remove("g-1")
    print("removed", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
