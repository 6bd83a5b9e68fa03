import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.errors import RecordError
from anyseg_core.messages import lidar_record

POINTS = np.array([[1, 2, 3, 0.5], [-4, 5.5, 6, 0.25], [7, 8, -9, 1], [0, 1, 0, 0]], np.float32)
XYZI = [("x", "f4", 0), ("y", "f4", 4), ("z", "f4", 8), ("i", "f4", 12)]
STAMP_NS = 2_000_000_005


def columns(names="xyzi"):
    every = dict(zip(("x", "y", "z", "intensity"), POINTS.T, strict=True))
    return {name: every["intensity" if name == "i" else name] for name in names}


@pytest.mark.parametrize("bigendian", [False, True])
@pytest.mark.parametrize("height", [1, 2, 4])
@pytest.mark.parametrize(
    ("layout", "step"),
    [
        (XYZI, 16),
        ([("i", "f4", 0), ("z", "f4", 4), ("y", "f4", 12), ("x", "f4", 20)], 32),
        ([("x", "f8", 0), ("y", "f8", 8), ("z", "f8", 16), ("i", "f4", 24)], 28),
    ],
    ids=["plain", "padded and shuffled", "float64"],
)
def test_points_arrive_whatever_the_layout(make, wrap, layout, step, height, bigendian):
    message = make.cloud(
        layout, columns(), height=height, row_padding=8, bigendian=bigendian, step=step, wrap=wrap
    )
    record = lidar_record(message)
    assert record.points.dtype == np.float32
    assert np.array_equal(record.points, POINTS)
    assert (record.stamp_ns, record.frame_id) == (STAMP_NS, "lidar")
    assert record.point_t_ns is None


CODES = st.sampled_from(["i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8"])


@settings(deadline=None)
@given(
    st.permutations(["x", "y", "z", "intensity", "ring", "t"]),
    st.lists(CODES, min_size=6, max_size=6),
    st.lists(st.integers(0, 5), min_size=7, max_size=7),
    st.sampled_from([1, 2, 3, 6]),
    st.booleans(),
    st.lists(st.integers(0, 100), min_size=6, max_size=6),
)
def test_any_order_types_and_gaps_give_the_same_points(
    make, names, codes, gaps, height, bigendian, values
):
    layout, offset = [], 0
    for name, code, gap in zip(names, codes, gaps[:6], strict=True):
        layout.append((name, code, offset + gap))
        offset += gap + np.dtype(code).itemsize
    message = make.cloud(
        layout, dict.fromkeys(names, values), height=height, step=offset + gaps[6],
        row_padding=gaps[6], bigendian=bigendian,
    )  # fmt: skip
    record = lidar_record(message)
    assert (record.points == np.array(values, np.float32)[:, None]).all()
    unit = 10**9 if codes[names.index("t")][0] == "f" else 1
    assert (record.point_t_ns - STAMP_NS).tolist() == [value * unit for value in values]


def test_intensity_is_zero_where_the_driver_gives_none(make):
    points = lidar_record(make.cloud(XYZI[:3], columns("xyz"))).points
    assert np.array_equal(points[:, :3], POINTS[:, :3])
    assert not points[:, 3].any()


@pytest.mark.parametrize("name", ["intensity", "reflectivity", "i"])
def test_intensity_is_found_under_the_names_that_drivers_use(make, name):
    message = make.cloud([*XYZI[:3], (name, "u2", 12)], columns("xyz") | {name: [1, 2, 3, 400]})
    assert lidar_record(message).points[:, 3].tolist() == [1, 2, 3, 400]


@pytest.mark.parametrize(
    ("name", "code", "values", "offsets_ns"),
    [
        ("t", "u4", [0, 1, 99_999_999, 4_000_000_000], [0, 1, 99_999_999, 4_000_000_000]),
        ("offset_time", "u4", [0, 5, 6, 7], [0, 5, 6, 7]),
        ("time_stamp", "i4", [-7, 0, 1, 2], [-7, 0, 1, 2]),
        ("time", "f4", [-0.05, 0, 0.025, 0.1], [-50_000_000, 0, 25_000_000, 100_000_000]),
        ("time", "f4", [0, np.nan, np.inf, 0.5], [0, 0, 0, 500_000_000]),
        ("timestamp", "f8", [0, 0.125, 0.25, 1.0], [0, 125_000_000, 250_000_000, 1_000_000_000]),
    ],
)
def test_times_of_points_count_from_the_stamp(make, name, code, values, offsets_ns):
    layout = [*XYZI[:3], (name, code, 12)]
    times = lidar_record(make.cloud(layout, columns("xyz") | {name: values})).point_t_ns
    assert times.dtype == np.int64
    assert np.abs(times - STAMP_NS - offsets_ns).max() <= 10  # a float32 second near 0.1


@pytest.mark.parametrize("unit", [1.0, 1e9], ids=["seconds", "nanoseconds"])
def test_times_of_points_since_1970_are_taken_as_they_are(make, unit):
    seconds = 1_700_000_000 + np.array([0, 0.025, 0.05, 0.1])
    message = make.cloud(
        [*XYZI[:3], ("timestamp", "f8", 12)], columns("xyz") | {"timestamp": seconds * unit}
    )
    message.header = make.header(sec=1_700_000_000)
    offsets_ns = lidar_record(message).point_t_ns - 1_700_000_000_000_000_000
    assert np.abs(offsets_ns - [0, 25_000_000, 50_000_000, 100_000_000]).max() < 300


def test_nan_and_infinite_points_pass_on_for_the_projection_to_drop(make):
    holes = POINTS.copy()
    holes[1, 0], holes[2, 2] = np.nan, np.inf
    message = make.cloud(XYZI, dict(zip(("x", "y", "z", "i"), holes.T, strict=True)))
    assert np.array_equal(lidar_record(message).points, holes, equal_nan=True)


@pytest.mark.parametrize(
    ("layout", "missing"),
    [(XYZI[:2], "z"), ([("a", "f4", 0)], "x, y, z"), ([], "x, y, z")],
)
def test_a_cloud_without_coordinates_is_refused(make, layout, missing):
    message = make.cloud(XYZI, columns())
    message.fields = [make.field(name, code, offset) for name, code, offset in layout]
    with pytest.raises(RecordError, match=f"add {missing}"):
        lidar_record(message)


def test_a_field_of_several_values_is_passed_over(make):
    message = make.cloud(XYZI, columns())
    message.fields[3] = make.field("intensity", "f4", 12, count=1)
    message.fields.append(make.field("extra", "u1", 0, count=4))
    assert np.array_equal(lidar_record(message).points, POINTS)


def test_an_empty_cloud_is_refused(make):
    message = make.cloud(XYZI, columns())
    message.width, message.row_step, message.data = 0, 0, b""
    with pytest.raises(RecordError, match="without points"):
        lidar_record(message)


def test_a_cloud_of_nothing_but_nan_is_refused(make):
    message = make.cloud(XYZI, dict.fromkeys("xyzi", [np.nan] * 4))
    with pytest.raises(RecordError, match="4 points are all NaN"):
        lidar_record(message)


@pytest.mark.parametrize(
    "change",
    [
        {"point_step": 0},
        {"point_step": 8},
        {"width": 5000},
        {"height": 9},
        {"row_step": 1, "height": 2},
    ],
    ids=str,
)
def test_bytes_that_do_not_add_up_are_refused(make, change):
    message = make.cloud(XYZI, columns())
    vars(message).update(change)
    with pytest.raises(RecordError, match="point_step"):
        lidar_record(message)


@settings(deadline=None)
@given(
    st.binary(max_size=80), st.integers(0, 9), st.integers(0, 9), st.integers(0, 40),
    st.integers(0, 90), st.lists(st.tuples(st.sampled_from("xyzit"), st.integers(0, 9),
                                           st.integers(0, 40), st.integers(0, 2)), max_size=6),
)  # fmt: skip
def test_a_random_cloud_is_refused_or_read_but_never_past_its_end(
    make, data, width, height, point_step, row_step, listed
):
    message = make.cloud(XYZI, columns())
    message.data, message.width, message.height = data, width, height
    message.point_step, message.row_step = point_step, row_step
    fields = []
    for name, datatype, offset, count in listed:
        fields.append(make.field(name, "u1", offset, count))
        fields[-1].datatype = datatype
    message.fields = fields
    try:
        record = lidar_record(message)
    except RecordError:
        return
    assert record.points.shape == (width * height, 4)
