"""Take symbols and debugging data out of libraries: ``strip_symbols.py FILE...``.

For the image's build, which so needs no package of the distribution for it. A loader
reads what the program headers name (ELF-64 specification, part 5); the section headers,
symbol tables and debugging data stand behind it and are cut off.
"""

import struct
import sys
from pathlib import Path

_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian: x86-64 and arm64


def strip(library: bytes) -> bytes:
    """Return a library without what no loader reads; raises `ValueError`."""
    if library[:6] != _MAGIC:
        raise ValueError("it is no ELF file of 64 bits")
    (at,) = struct.unpack_from("<Q", library, 32)
    size, count = struct.unpack_from("<HH", library, 54)
    ends = [at + size * count]
    for header in range(at, at + size * count, size):
        _, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", library, header)
        ends.append(offset + length)
    stripped = bytearray(library[: max(ends)])
    struct.pack_into("<Q", stripped, 40, 0)  # where the section headers were
    struct.pack_into("<HHH", stripped, 58, 0, 0, 0)  # their size, count and names
    return bytes(stripped)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_bytes(strip(path.read_bytes()))
