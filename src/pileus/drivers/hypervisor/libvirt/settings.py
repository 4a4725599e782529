"""What an operator may choose about libvirt and QEMU. The defaults need no change anywhere on a plain Debian 12."""

from typing import Literal

from msgspec import Struct


class LibvirtSettings(Struct, frozen=True, kw_only=True):
    state: str
    """The cloud's state directory: guests live in its `instances/`, images in its `images/cache/`."""
    uri: str = "qemu:///system"
    virt_type: Literal["auto", "kvm", "qemu"] = "auto"
    """auto: KVM where a probe shows that it runs 64-bit code at speed, else software emulation (TCG)."""
    machine: str = "q35"
    cpu_model: str = ""
    """Empty: the host's own model under KVM; under TCG `Nehalem`, the oldest that today's distributions still run on."""
    spare_ports: int = 12
    """How many devices may be plugged into a running guest beyond those that it started with."""
    tcg_cache_mb: int = 32
    """Translation cache of each guest under TCG. QEMU's own default is a gigabyte; 32 boots as fast as 128."""
    disk_cache: Literal["writeback", "none", "writethrough"] = "writeback"
    address: str = "127.0.0.1"
    """Of this host, as other hosts reach it."""
    cloud: str = ""
    """Name of the cloud, for people. What tells its guests from another cloud's on the same libvirt is this and a random
    name kept in the state directory."""
    run_dir: str = ""
    """For sockets, whose paths must be short; empty: `/run/pileus/<hash of the state directory>`."""
    qemu_user: str = ""
    """Whom QEMU runs as, `user:group` or `+uid:+gid`; empty: as libvirt is configured."""
    unplug_s: float = 20.0
    """How long a guest may take to let go of a device that is unplugged."""
    threads: int = 8
    """Blocking libvirt calls at once."""
    starts: int = 2
    """Guests started at once after a reboot of the host."""
    convert_mb: int = 1024
    """Memory that qemu-img may use on an image; it gets as many seconds of CPU as the image has GiB, and 60 more."""
