"""The files of one large layer, indexed: ``python -m bench.file_index [--mib 1024] [--files 300000]``.

The layer is a compressed tar that is made while it is read, so that neither it nor its files are ever on a disk.
Printed are the records, seconds of processor time, and by how much the process grew at most.
"""

from __future__ import annotations

import argparse
import random
import sys
import tarfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from oci.contents.file_index import sorted_records
from oci.contents.layer_stream import expand
from oci.contents.layer_tar import read_entries

MIB: Final = 1024 * 1024


def layer(size: int, files: int) -> Iterator[bytes]:
    """A gzip of ``files`` files in as many directories as a large image has; ``size`` bytes of content in all."""
    chance, packer = random.Random(1), zlib.compressobj(1, wbits=31)
    content = chance.randbytes(size // files)
    for number in range(files):
        info = tarfile.TarInfo(f"usr/lib/{number % 997}/package-{number % 31}/file-{number}.py")
        info.size = len(content)
        head = info.tobuf(tarfile.PAX_FORMAT)
        padding = b"\0" * (-len(content) % tarfile.BLOCKSIZE)
        yield packer.compress(head + content + padding)
    yield packer.compress(b"\0" * 2 * tarfile.BLOCKSIZE) + packer.flush()


def peak() -> int:
    """The most memory that this process has had, bytes (proc(5): ``VmHWM``)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def main(arguments: list[str]) -> int:
    """Prints the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--files", type=int, default=300_000)
    wished = parser.parse_args(arguments)
    # What the imports took, and the making of the layer, is no growth of the index.
    for _piece in layer(MIB, 300):
        pass
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, began = peak(), time.process_time()
    count = 0
    for record in sorted_records(read_entries(expand(layer(wished.mib * MIB, wished.files)))):
        record.dump()
        count += 1
    print(
        f"{count} records of {wished.files} files, {wished.mib} MiB: "
        f"{time.process_time() - began:.1f} s of processor time, with making the layer; "
        f"grown by {(peak() - before) / MIB:.1f} MiB"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
