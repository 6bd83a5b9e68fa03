"""Messages with the fields of their ROS types; their packages are not needed for that."""

from array import array
from types import SimpleNamespace

import numpy as np
import pytest

DATATYPES = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 8}


def stamp(sec=2, nanosec=5):
    return SimpleNamespace(sec=sec, nanosec=nanosec)


def header(frame_id="sensor", **time):
    return SimpleNamespace(stamp=stamp(**time), frame_id=frame_id)


def image(pixels, encoding, *, padding=0, bigendian=False, wrap=bytes):
    """An Image of these pixels, its rows padded with a value that must not be seen."""
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(pixels.shape[0], -1)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=99)
    return SimpleNamespace(
        header=header("camera"),
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        step=padded.shape[1],
        is_bigendian=int(bigendian),
        data=wrap(padded.tobytes()),
    )


def compressed(data, message_format):
    return SimpleNamespace(header=header("camera"), format=message_format, data=data)


def cloud(layout, columns, *, height=1, row_padding=0, bigendian=False, step=None, wrap=bytes):
    """A PointCloud2 of [(name, code, offset)] with the given columns."""
    step = step or max(offset + np.dtype(code).itemsize for _, code, offset in layout)
    order = ">" if bigendian else "<"
    dtype = np.dtype(
        {
            "names": [name for name, _, _ in layout],
            "formats": [order + code for _, code, _ in layout],
            "offsets": [offset for _, _, offset in layout],
            "itemsize": step,
        }
    )
    count = len(next(iter(columns.values())))
    body = np.zeros(count, dtype)
    for name, values in columns.items():
        body[name] = values
    rows = body.view(np.uint8).reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, row_padding)), constant_values=77)
    return SimpleNamespace(
        header=header("lidar"),
        height=height,
        width=count // height,
        fields=[field(name, code, offset) for name, code, offset in layout],
        is_bigendian=bigendian,
        point_step=step,
        row_step=rows.shape[1],
        data=wrap(rows.tobytes()),
    )


def field(name, code, offset, count=1):
    return SimpleNamespace(name=name, offset=offset, datatype=DATATYPES[code], count=count)


@pytest.fixture(scope="session")
def make():
    """Makers of messages."""
    return SimpleNamespace(
        stamp=stamp, header=header, image=image, compressed=compressed, cloud=cloud, field=field
    )


@pytest.fixture(
    params=[bytes, lambda data: array("B", data), lambda data: np.frombuffer(data, np.uint8)],
    ids=["bytes", "rclpy's array", "rosbags' array"],
)
def wrap(request):
    """The containers in which a message's bytes come."""
    return request.param
