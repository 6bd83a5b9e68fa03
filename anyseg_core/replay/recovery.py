"""Bags that were cut while they were recorded: the whole records at their start can still be read.

MCAP's layout: a magic, then records of one byte of kind, eight of length and that many of content,
then the magic again (mcap.dev/spec). A cut file lacks its end.
"""

from __future__ import annotations

import shutil
import struct
from typing import TYPE_CHECKING

from anyseg_core.errors import RecordError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

_MAGIC = b"\x89MCAP0\r\n"
_HEAD = struct.Struct("<BQ")
_DATA_END = _HEAD.pack(0x0F, 4) + struct.pack("<I", 0)
_FOOTER = _HEAD.pack(0x02, 20) + struct.pack("<QQI", 0, 0, 0)
_LAST_KINDS = (0x02, 0x0F)
_SUFFIXES = (".mcap", ".db3")
_SPARE_BYTES = 100_000_000


def storage_files(path: Path) -> list[Path]:
    """Return the files of a rosbag2: those of its folder, or the one that it is."""
    if path.is_dir():
        return sorted(one for one in path.iterdir() if one.suffix in _SUFFIXES)
    return [path]


def is_cut(path: Path) -> bool:
    """Return whether a file begins as an mcap file and lacks its end."""
    if path.suffix != ".mcap":
        return False
    with path.open("rb") as file:
        whole = file.read(len(_MAGIC)) == _MAGIC
        file.seek(0, 2)
        if not whole or file.tell() <= 2 * len(_MAGIC):
            return False
        file.seek(-len(_MAGIC), 2)
        return file.read() != _MAGIC


def recovered_copy(cut: Path, folder: Path) -> tuple[Path, int]:
    """Copy a cut file's whole records and give it an end.

    Args:
        cut: the cut mcap file.
        folder: for the copy; as much space as the file's is needed.

    Returns:
        The copy, and how many bytes at the end were lost.

    Raises:
        RecordError: there is not as much space.
    """
    size, free = cut.stat().st_size, shutil.disk_usage(folder).free
    if size + _SPARE_BYTES > free:
        raise RecordError(
            f"{cut}, which was cut, and {free} bytes of room in {folder} for a copy",
            f"{size + _SPARE_BYTES} bytes",
            "set TMPDIR to a folder with room, or run 'mcap recover'",
        )
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
