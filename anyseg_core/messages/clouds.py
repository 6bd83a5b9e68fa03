"""sensor_msgs/PointCloud2 as a structured view over the message's own bytes.

So any order of fields, padding, byte order, and organised or not, costs nothing extra.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseg_core.errors import RecordError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_POINTS = 20_000_000
"""Larger clouds are refused before anything is allocated for them."""

FIELD_CODES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
"""numpy's codes of PointField's datatypes, without the byte order: a kind and a number of bytes."""


def structured_cloud(message: Any, required: tuple[str, ...]) -> NDArray[Any]:  # noqa: ANN401 - a message
    """Return the points as a structured array [N] with the message's fields of one value.

    Raises:
        RecordError: a required field is missing, or the layout and the bytes do not go together.
    """
    names = [field.name for field in message.fields]
    missing = [name for name in required if name not in names]
    if missing:
        raise RecordError(
            f"a point cloud with fields {', '.join(names) or 'none'}",
            f"the fields {', '.join(required)}",
            f"add {', '.join(missing)} in the driver, or give the right topic",
        )
    _check_layout(message)
    fields = tuple(
        (field.name, field.offset, field.datatype, field.count) for field in message.fields
    )
    layout = _layout(fields, ">" if message.is_bigendian else "<", message.point_step)
    rows = np.ndarray(
        (message.height, message.width),
        layout,
        message.data,
        strides=(message.row_step, message.point_step),
    )
    return rows.reshape(-1)


@lru_cache(32)
def _layout(
    fields: tuple[tuple[str, int, int, int], ...], order: str, point_step: int
) -> np.dtype[np.void]:
    """Return the type of a point; a driver's is the same in every message."""
    single = [(name, offset, datatype) for name, offset, datatype, count in fields if count == 1]
    return np.dtype(
        {
            "names": [name for name, _, _ in single],
            "formats": [order + FIELD_CODES[datatype] for _, _, datatype in single],
            "offsets": [offset for _, offset, _ in single],
            "itemsize": point_step,
        }
    )


def _check_layout(message: Any) -> None:  # noqa: ANN401 - as above
    width, height = int(message.width), int(message.height)
    point_step, row_step = int(message.point_step), int(message.row_step)
    row_bytes = width * point_step
    needed = row_step * (height - 1) + row_bytes if height and width else 0
    ends = [
        field.offset + int(FIELD_CODES[field.datatype][1])
        for field in message.fields
        if field.datatype in FIELD_CODES
    ]
    rows_fit = height <= 1 or row_step >= row_bytes
    sound = point_step > 0 and max(ends, default=0) <= point_step and rows_fit
    sound = sound and len(ends) == len(message.fields) and width * height <= MAX_POINTS
    if sound and needed <= len(message.data):
        return
    raise RecordError(
        f"a {width} x {height} point cloud with point_step {point_step}, row_step {row_step} and "
        f"{len(message.data)} bytes",
        f"at most {MAX_POINTS} points, every field of a known type inside point_step, and "
        "height x row_step bytes",
        "correct the layout in the driver",
    )
