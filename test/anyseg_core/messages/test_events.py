from types import SimpleNamespace

import numpy as np
import pytest

from anyseg_core.errors import RecordError
from anyseg_core.messages import event_array_record, event_record

XYTP = [("x", "u2", 0), ("y", "u2", 2), ("t", "u4", 4), ("p", "u1", 8)]


def test_points_become_events(make, wrap):
    message = make.cloud(
        XYTP, {"x": [1, 319], "y": [2, 239], "t": [0, 70_000], "p": [0, 1]}, step=12, wrap=wrap
    )
    record = event_record(message, 320, 240)
    assert record.events.x.tolist() == [1, 319]
    assert record.events.y.tolist() == [2, 239]
    assert record.events.t_ns.tolist() == [2_000_000_005, 2_000_070_005]
    assert record.events.p.tolist() == [0, 1]
    assert (record.stamp_ns, record.width, record.height) == (2_000_000_005, 320, 240)


def test_times_in_seconds_count_from_the_stamp(make):
    layout = [("x", "u2", 0), ("y", "u2", 2), ("t", "f8", 4), ("p", "u1", 12)]
    message = make.cloud(layout, {"x": [1, 2], "y": [3, 4], "t": [0.0, 0.25], "p": [0, 1]})
    assert event_record(message, 10, 10).events.t_ns.tolist() == [2_000_000_005, 2_250_000_005]


def test_signed_polarities_are_understood(make):
    layout = [("x", "u2", 0), ("y", "u2", 2), ("t", "u4", 4), ("p", "i1", 8)]
    message = make.cloud(layout, {"x": [1, 2], "y": [3, 4], "t": [0, 1], "p": [-1, 1]})
    assert event_record(message, 10, 10).events.p.tolist() == [0, 1]


def test_events_at_impossible_places_fall_off_every_image(make):
    layout = [("x", "f4", 0), ("y", "f4", 4), ("t", "u4", 8), ("p", "u1", 12)]
    message = make.cloud(layout, {"x": [-1, 1e9], "y": [np.nan, 3], "t": [0, 1], "p": [1, 1]})
    record = event_record(message, 10, 10)
    assert record.events.x.tolist() == [65535, 65535]
    assert record.events.y.tolist() == [65535, 3]


def test_an_event_cloud_without_times_is_refused(make):
    with pytest.raises(RecordError, match="add t, p"):
        event_record(make.cloud(XYTP[:2], {"x": [1], "y": [2]}), 10, 10)


def event_array(make, listed):
    events = [
        SimpleNamespace(x=x, y=y, ts=make.stamp(sec, nanosec), polarity=polarity)
        for x, y, (sec, nanosec), polarity in listed
    ]
    return SimpleNamespace(header=make.header("dvs", sec=9), height=48, width=64, events=events)


def test_a_list_of_events_keeps_their_own_times(make):
    message = event_array(make, [(3, 4, (7, 20), True), (63, 47, (7, 999_999_999), False)])
    record = event_array_record(message)
    assert record.events.x.tolist() == [3, 63]
    assert record.events.y.tolist() == [4, 47]
    assert record.events.t_ns.tolist() == [7_000_000_020, 7_999_999_999]
    assert record.events.p.tolist() == [1, 0]
    assert [getattr(record.events, name).dtype for name in ("x", "y", "t_ns", "p")] == [
        np.uint16, np.uint16, np.int64, np.uint8,
    ]  # fmt: skip
    assert (record.stamp_ns, record.frame_id) == (7_000_000_020, "dvs")
    assert (record.width, record.height) == (64, 48)


def test_a_list_without_events_has_its_headers_stamp(make):
    record = event_array_record(event_array(make, []))
    assert not len(record.events)
    assert record.stamp_ns == 9_000_000_005


def test_a_list_whose_first_event_has_no_time_is_refused(make):
    with pytest.raises(RecordError, match="stamp"):
        event_array_record(event_array(make, [(3, 4, (0, 0), True)]))
