"""The smallest guest: one boot sector that counts its boots on disk, talks on the serial line, heeds the power button.

It says `pileus test guest, boot N` and a prompt; the ACPI power button or the key `h` powers it off, `r` resets it.
Source, `guest.s`: `as --32 guest.s -o guest.o; ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o guest.bin guest.o`
"""

_CODE = bytes.fromhex(
    "31c08ed88ec08ed0bc007c8816e77cfbb80102e86d00fe060080b80103e86300bead7ce86c00a000800430e86e00bec67ce8"
    "5e00ba0206b80001eff4ba0006edf6c4017519bafd03eca80174eebaf803ece848003c68741a3c72741febddba0006b80001"
    "efbed67ce82700803efd7d0075c9ba0406b80020efebc0baf90cb006eeebb8b9020030f68a16e77cbb0080cd13c3ac84c074"
    "15e80200ebf65250bafd03eca82074fb58baf803ee5ac370696c65757320746573742067756573742c20626f6f7420000d0a"
    "6775657374206c6f67696e3a20000d0a706f77657220627574746f6e0d0a"
)


def disk(*, deaf: bool = False, size: int = 1 << 20) -> bytes:
    """A raw disk of `size` bytes. `deaf`: sees the power button and does nothing."""
    return (_CODE.ljust(509, b"\0") + bytes([deaf]) + b"\x55\xaa").ljust(size, b"\0")
