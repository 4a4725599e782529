"""The smallest guest: one boot sector that counts its boots on disk, talks on the serial line, heeds the power button.

It says `pileus test guest, boot N` and a prompt; the ACPI power button or the key `h` powers it off, `r` resets it. It lets go of
devices that are unplugged from a q35 machine.
Source, `guest.s`: `as --32 guest.s -o guest.o; ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o guest.bin guest.o`
"""

_CODE = bytes.fromhex(
    "31c08ed88ec08ed0bc007c88160b7dfbb80102e89100fe060080b80103e88700bed17ce89000a000800430e89200beea7ce8"
    "8200ba0206b80001eff466b9180000006649bad00c6689c866efbac40c66edbac80c6685c0740266ef6685c975e2ba0006ed"
    "f6c4017519bafd03eca80174cabaf803ece848003c68741a3c72741febb9ba0006b80001efbefa7ce82700803efd7d0075a5"
    "ba0406b80020efeb9cbaf90cb006eeeb94b9020030f68a160b7dbb0080cd13c3ac84c07415e80200ebf65250bafd03eca820"
    "74fb58baf803ee5ac370696c65757320746573742067756573742c20626f6f7420000d0a6775657374206c6f67696e3a2000"
    "0d0a706f77657220627574746f6e0d0a"
)


def disk(*, deaf: bool = False, size: int = 1 << 20) -> bytes:
    """A raw disk of `size` bytes. `deaf`: sees the power button and does nothing."""
    return (_CODE.ljust(509, b"\0") + bytes([deaf]) + b"\x55\xaa").ljust(size, b"\0")
