"""Bags that were cut while they were recorded: the whole records at their start can still be read.

MCAP's layout: a magic, then records of one byte of kind, eight of length and that many of content,
then the magic again (mcap.dev/spec). A cut file lacks its end.
"""

from __future__ import annotations

import shutil
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

_MAGIC = b"\x89MCAP0\r\n"
_HEAD = struct.Struct("<BQ")
_DATA_END = _HEAD.pack(0x0F, 4) + struct.pack("<I", 0)
_FOOTER = _HEAD.pack(0x02, 20) + struct.pack("<QQI", 0, 0, 0)
_LAST_KINDS = (0x02, 0x0F)


def cut_mcap(path: Path) -> Path | None:
    """Return the one mcap file of a bag if it lacks its end, else None."""
    files = sorted(path.glob("*.mcap")) if path.is_dir() else [path]
    if len(files) != 1 or files[0].suffix != ".mcap":
        return None
    with files[0].open("rb") as file:
        whole = file.read(len(_MAGIC)) == _MAGIC
        file.seek(0, 2)
        long_enough = file.tell() > 2 * len(_MAGIC)
        if not (whole and long_enough):
            return None
        file.seek(-len(_MAGIC), 2)
        return None if file.read() == _MAGIC else files[0]


def recovered_copy(cut: Path, folder: Path) -> tuple[Path, int]:
    """Copy a cut file's whole records and give it an end.

    Args:
        cut: the cut mcap file.
        folder: for the copy; as much space as the file's is needed.

    Returns:
        The copy, and how many bytes at the end were lost.
    """
    size = cut.stat().st_size
    copy = folder / cut.name
    with cut.open("rb") as source, copy.open("wb") as target:
        end = _end_of_whole_records(source, size)
        source.seek(0)
        shutil.copyfileobj(source, target)
        target.truncate(end)
        target.seek(end)
        target.write(_DATA_END + _FOOTER + _MAGIC)
    return copy, size - end


def _end_of_whole_records(source: BinaryIO, size: int) -> int:
    position = len(_MAGIC)
    while position + _HEAD.size <= size:
        source.seek(position)
        kind, length = _HEAD.unpack(source.read(_HEAD.size))
        after = position + _HEAD.size + length
        if after > size or kind in _LAST_KINDS:
            break
        position = after
    return position
