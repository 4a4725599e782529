"""Does /dev/kvm run guests at hardware speed? Opening it, its version and even a real-mode guest prove nothing.

Under nested software virtualisation (`kvm_pvm`) a real-mode guest runs while 64-bit code is emulated at under a million
instructions a second, and stock kernels hang. So a child process enters 64-bit mode directly, takes an exception, reloads cr3
a thousand times and counts to 20 million: 10-20 ms on hardware. A child that does not answer in time is left behind:
it may hang in the kernel, where no signal reaches it.

Run as a program it prints `yes` or the reason.
"""

import ctypes
import fcntl
import mmap
import os
import platform
import struct
import subprocess
import sys
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

PROBE_S = 1.5
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

# mov esp,0x9000; out(0xf4)=1; int3; =2; 1000 times mov cr3,rax; =3; 20,000,000 times sub/jnz; =4; hlt; handler: iretq
_PROGRAM = bytes.fromhex(
    "bc00900000b001e6f4ccb002e6f40f20d8b9e80300000f22d8e2fbb003e6f4b9002d310183e90175fbb004e6f4f448cf"
)
_MEMORY = 2 << 20
_AT, _GDT, _IDT, _TABLES = 0x1000, 0x2000, 0x3000, 0x10000
_HANDLER = _AT + len(_PROGRAM) - 2
_PORT_STEPS = (1, 2, 3, 4)

_API_VERSION, _CREATE_VM, _VCPU_SIZE = 0xAE00, 0xAE01, 0xAE04
_CREATE_VCPU, _SET_TSS, _RUN = 0xAE41, 0xAE47, 0xAE80
_SET_MEMORY, _GET_SREGS, _SET_SREGS, _SET_REGS = 0x4020AE46, 0x8138AE83, 0x4138AE84, 0x4090AE82
_EXIT_IO = 2


class Accelerator(NamedTuple):
    """What guests are run with, and why, in one line."""

    name: Literal["kvm", "tcg"]
    reason: str


def choose(virt_type: Literal["auto", "kvm", "qemu"], cache: Path | None = None, boot_id: str = "") -> Accelerator:
    """Blocking, less than 2 s; once for each boot of the host if `cache` (a file) is given."""
    if virt_type == "qemu":
        return Accelerator("tcg", "software emulation, as configured (virt_type = qemu)")
    if virt_type == "kvm":
        return Accelerator("kvm", "KVM, as configured (virt_type = kvm): not probed")
    why_not = _remembered(cache, boot_id) if cache else None
    if why_not is None:
        why_not = probe()
        if cache:
            cache.write_bytes(msgspec.json.encode({"boot_id": boot_id, "why_not": why_not}))
    if why_not:
        return Accelerator("tcg", f"software emulation, because {why_not}")
    return Accelerator("kvm", "KVM: the probe ran 64-bit code at hardware speed")


def boot_id() -> str:
    """Differs after each boot of the host."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def probe(device: str = "/dev/kvm", seconds: float = PROBE_S) -> str:
    """Empty when KVM is good, else why not."""
    if platform.machine() != "x86_64":
        return f"KVM is not probed on {platform.machine()} (set virt_type = kvm to use it)"
    if not os.access(device, os.R_OK | os.W_OK):
        return f"there is no usable {device}"
    modules = Path("/sys/module")
    if (modules / "kvm_pvm").exists() and not any((modules / one).exists() for one in ("kvm_intel", "kvm_amd")):
        return "KVM here is itself emulated (kvm_pvm)"
    return _ask_child(device, seconds)


def _ask_child(device: str, seconds: float) -> str:
    child = subprocess.Popen(  # noqa: S603 - our own file
        [sys.executable, "-I", __file__, device], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        answer, _ = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        return f"{device} did not run a small guest within {seconds:g} s"
    return "" if answer.strip() == "yes" else answer.strip() or "the KVM probe died"


def _remembered(cache: Path, boot_id: str) -> str | None:
    try:
        known = msgspec.json.decode(cache.read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return None
    return known.get("why_not") if boot_id and known.get("boot_id") == boot_id else None


def _segment(selector: int, kind: int, *, code: bool) -> bytes:
    """struct kvm_segment: flat, present, ring 0; long mode for code, 32-bit for data."""
    return struct.pack("<QIH10B", 0, 0xFFFFFFFF, selector, kind, 1, 0, not code, 1, code, 1, 0, 0, 0)


def _guest_memory() -> mmap.mmap:
    memory = mmap.mmap(-1, _MEMORY, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    memory[_AT : _AT + len(_PROGRAM)] = _PROGRAM
    struct.pack_into("<3Q", memory, _GDT, 0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF)
    for vector in range(32):
        struct.pack_into("<HHBBHII", memory, _IDT + 16 * vector, _HANDLER, 8, 0, 0x8E, 0, 0, 0)
    struct.pack_into("<Q", memory, _TABLES, _TABLES + 0x1003)
    struct.pack_into("<Q", memory, _TABLES + 0x1000, _TABLES + 0x2003)
    struct.pack_into("<Q", memory, _TABLES + 0x2000, 0x83)  # one page of 2 MiB
    return memory


def _enter_long_mode(vcpu: int) -> None:
    sregs = bytearray(312)
    fcntl.ioctl(vcpu, _GET_SREGS, sregs)
    sregs[0:144] = _segment(8, 0xB, code=True) + _segment(0x10, 3, code=False) * 5
    struct.pack_into("<QH", sregs, 192, _GDT, 23)
    struct.pack_into("<QH", sregs, 208, _IDT, 0x1FF)
    cr0, cr4, efer = 0x80050033, 0x20, 0x500
    (apic,) = struct.unpack_from("<Q", sregs, 272)
    struct.pack_into("<7Q", sregs, 224, cr0, 0, _TABLES, cr4, 0, efer, apic)
    fcntl.ioctl(vcpu, _SET_SREGS, bytes(sregs))
    fcntl.ioctl(vcpu, _SET_REGS, struct.pack("<18Q", *[0] * 6, 0x9000, 0, *[0] * 8, _AT, 2))


def _run_guest(device: str) -> str:
    kvm = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    if fcntl.ioctl(kvm, _API_VERSION, 0) != 12:
        return "KVM speaks an unknown version"
    vm = fcntl.ioctl(kvm, _CREATE_VM, 0)
    memory = _guest_memory()
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    ctypes.CDLL(None).ioctl(vm, ctypes.c_ulong(_SET_TSS), ctypes.c_ulong(0xFFFBD000))
    fcntl.ioctl(vm, _SET_MEMORY, struct.pack("<IIQQQ", 0, 0, 0, _MEMORY, address))
    vcpu = fcntl.ioctl(vm, _CREATE_VCPU, 0)
    run = mmap.mmap(vcpu, fcntl.ioctl(kvm, _VCPU_SIZE, 0), mmap.MAP_SHARED)
    _enter_long_mode(vcpu)
    for step in _PORT_STEPS:
        fcntl.ioctl(vcpu, _RUN, 0)
        (reason,) = struct.unpack_from("<I", run, 8)
        (data_at,) = struct.unpack_from("<Q", run, 40)
        if reason != _EXIT_IO or run[data_at] != step:
            return f"a small guest stopped at step {step} with KVM exit {reason}"
    return "yes"


if __name__ == "__main__":
    try:
        print(_run_guest(sys.argv[1]))
    except OSError as error:
        print(f"KVM failed: {error}")
