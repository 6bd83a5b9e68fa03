"""The contract of one set: its readings, its reasons, its waiting time."""

from anyseg_core.sync import Stream, Synchronizer

MS = 1_000_000


def pair(tolerance_ms=10, max_wait_ms=50, timeout_ms=500, order=("a", "b"), **options):
    streams = [
        Stream("a", tolerance_ns=10 * MS, timeout_ns=timeout_ms * MS),
        Stream("b", tolerance_ns=tolerance_ms * MS, timeout_ns=timeout_ms * MS),
    ]
    return Synchronizer(streams, order, max_wait_ms * MS, **options)


def with_window(max_wait_ms=50, order=("a",)):
    streams = [
        Stream("a", timeout_ns=500 * MS),
        Stream("e", "window", window_ns=30 * MS, timeout_ns=500 * MS),
    ]
    return Synchronizer(streams, order, max_wait_ms * MS)


def push(synchronizer, name, stamp_ms, arrival_ms):
    return synchronizer.push(name, round(stamp_ms * MS), f"{name}{stamp_ms}", arrival_ms * MS)


def test_the_nearest_reading_within_tolerance_is_taken():
    s = pair(tolerance_ms=20, order=["a"])
    for stamp in (84, 97, 104, 116):
        push(s, "b", stamp, 100)
    (frame_set,) = push(s, "a", 100, 101)
    assert frame_set.stamp_ns == 100 * MS
    assert frame_set.reference == "a"
    assert frame_set.readings["a"].payload == "a100"
    assert frame_set.readings["b"].payload == "b97"
    assert frame_set.absent == {}


def test_a_reading_on_the_edge_of_the_tolerance_counts_and_one_beyond_does_not():
    s = pair()
    push(s, "b", 90, 90)
    (on_edge,) = push(s, "a", 100, 100)
    assert "b" in on_edge.readings
    push(s, "b", 139.999, 140)
    push(s, "b", 160.001, 160)
    (beyond,) = push(s, "a", 150, 160)
    assert beyond.absent == {"b": "out_of_tolerance"}


def test_a_set_goes_out_with_the_reading_it_waited_for():
    s = pair()
    push(s, "b", 0, 1)
    assert push(s, "a", 100, 101) == []
    (frame_set,) = push(s, "b", 105, 120)
    assert frame_set.readings["b"].arrival_ns == 120 * MS


def test_a_stream_never_seen_is_not_waited_for():
    (frame_set,) = push(pair(), "a", 100, 100)
    assert frame_set.absent == {"b": "never_seen"}


def test_a_stream_silent_for_its_timeout_is_stale_and_not_waited_for():
    s = pair(timeout_ms=300)
    push(s, "b", 0, 0)
    push(s, "a", 0, 0)
    assert push(s, "a", 299, 299) == []
    assert [f.absent for f in s.poll(300 * MS)] == [{"b": "stale"}]
    (frame_set,) = push(s, "a", 301, 301)
    assert frame_set.absent == {"b": "stale"}


def test_a_live_stream_whose_reading_did_not_come_in_time_is_late():
    s = pair()
    push(s, "b", 0, 0)
    assert push(s, "a", 100, 100) == []
    assert s.next_deadline_ns == 150 * MS
    assert s.poll(149 * MS) == []
    (frame_set,) = s.poll(150 * MS)
    assert frame_set.absent == {"b": "late"}
    assert s.next_deadline_ns is None


def test_later_arrivals_do_not_restart_the_wait():
    s = pair()
    push(s, "b", 0, 0)
    push(s, "a", 100, 100)
    for arrival in range(110, 150, 10):
        assert push(s, "a", arrival, arrival) == []
    (frame_set,) = push(s, "a", 150, 150)
    assert frame_set.stamp_ns == 100 * MS


def test_a_reading_that_comes_after_the_wait_is_not_in_the_set():
    s = pair()
    push(s, "b", 0, 0)
    push(s, "a", 100, 100)
    (frame_set,) = push(s, "b", 100, 151)
    assert frame_set.absent == {"b": "late"}


def test_a_reference_that_comes_out_of_order_goes_out_in_order_within_the_first_wait():
    s = pair()
    push(s, "b", 0, 0)
    push(s, "a", 200, 200)
    assert push(s, "a", 180, 230) == []
    assert [f.stamp_ns // MS for f in s.poll(250 * MS)] == [180, 200]


def test_a_reference_older_than_the_last_set_is_dropped_and_counted():
    s = pair()
    assert len(push(s, "a", 200, 200)) == 1
    assert push(s, "a", 195, 205) == []
    counts = s.counts("a")
    assert counts.dropped_references == {"not_newer": 1}
    assert (counts.references, counts.sets, counts.pending) == (2, 1, 0)


def test_readings_out_of_order_are_put_in_order():
    s = pair(tolerance_ms=30, order=["a"])
    push(s, "b", 120, 120)
    push(s, "b", 98, 121)
    (frame_set,) = push(s, "a", 100, 122)
    assert frame_set.readings["b"].stamp_ns == 98 * MS


def test_a_duplicate_is_dropped_counted_and_no_sign_of_life():
    s = pair(timeout_ms=300)
    for arrival in range(0, 400, 50):
        push(s, "b", 0, arrival)
    assert s.counts("b").dropped == {"duplicate": 7}
    (frame_set,) = push(s, "a", 400, 400)
    assert frame_set.absent == {"b": "stale"}


def test_a_reference_whose_stamp_is_frozen_hands_over():
    s = pair(timeout_ms=300)
    given = []
    for t in range(0, 1000, 50):
        given += push(s, "a", min(t, 200), t)
        given += push(s, "b", t, t)
    assert [f.reference for f in given if f.stamp_ns > 500 * MS] == ["b"] * 9


def test_the_offset_is_added_to_the_stamps():
    streams = [Stream("a"), Stream("b", tolerance_ns=5 * MS, offset_ns=-40 * MS)]
    s = Synchronizer(streams, ["a"], 0)
    push(s, "b", 140, 100)
    (frame_set,) = push(s, "a", 102, 102)
    assert frame_set.readings["b"].stamp_ns == 100 * MS


def test_a_window_holds_what_is_newer_than_its_start_up_to_the_instant():
    s = with_window()
    for stamp in (60, 70, 71, 85, 100):
        push(s, "e", stamp, stamp)
    (frame_set,) = push(s, "a", 100, 100)
    assert [r.stamp_ns // MS for r in frame_set.readings["e"]] == [71, 85, 100]


def test_a_window_waits_until_nothing_up_to_the_instant_can_be_missing():
    s = with_window()
    push(s, "e", 90, 90)
    assert push(s, "a", 100, 100) == []
    assert push(s, "e", 99, 101) == []
    (frame_set,) = push(s, "e", 103, 104)
    assert [r.stamp_ns // MS for r in frame_set.readings["e"]] == [90, 99]


def test_a_window_goes_out_with_what_it_has_when_the_wait_is_over():
    s = with_window()
    push(s, "e", 90, 90)
    push(s, "a", 100, 100)
    (frame_set,) = s.poll(150 * MS)
    assert [r.stamp_ns // MS for r in frame_set.readings["e"]] == [90]


def test_an_empty_window_is_absent():
    s = with_window()
    push(s, "e", 10, 10)
    push(s, "e", 101, 101)
    (passed_over,) = push(s, "a", 100, 102)
    assert passed_over.absent == {"e": "out_of_tolerance"}
    push(s, "a", 200, 200)
    assert [f.absent for f in s.poll(250 * MS)] == [{"e": "late"}]


def test_a_window_stream_as_reference_ticks_once_per_window():
    s = with_window(order=("e",))
    given = []
    for stamp in range(0, 301, 7):
        given += push(s, "e", stamp, stamp)
    stamps = [f.stamp_ns // MS for f in given]
    # The first message at or after each multiple of the window.
    assert stamps == [-(-k // 7) * 7 for k in range(0, 300, 30)]
    assert [r.stamp_ns // MS for r in given[1].readings["e"]] == [7, 14, 21, 28, 35]


def test_what_cannot_come_by_the_learned_period_is_not_waited_for():
    s = pair(max_wait_ms=90)
    for k in range(12):
        push(s, "b", 100 * k, 100 * k)
    assert s.period_ns("b") == 100 * MS
    (between,) = push(s, "a", 1150, 1150)
    assert between.absent == {"b": "out_of_tolerance"}
    assert push(s, "a", 1195, 1195) == []
    (waited,) = push(s, "b", 1200, 1205)
    assert "b" in waited.readings


def test_a_silence_is_no_period():
    s = pair(timeout_ms=300)
    for t in range(0, 3000, 300):
        push(s, "b", t, t)
    assert s.period_ns("b") is None


def test_flush_gives_the_sets_that_wait():
    s = pair()
    push(s, "b", 0, 0)
    push(s, "a", 100, 100)
    push(s, "a", 120, 120)
    assert [(f.stamp_ns // MS, f.absent) for f in s.flush()] == [
        (100, {"b": "late"}),
        (120, {"b": "late"}),
    ]
    assert s.flush() == []


def test_a_flood_while_the_clock_stands_still_does_not_pile_up():
    s = pair()
    push(s, "b", 0, 0)
    given = []
    for k in range(1, 1001):
        given += push(s, "a", 100 + k / 100, 100)
    assert len(given) >= 1000 - 256
    assert s.counts("a").pending <= 256


def test_a_full_buffer_lets_the_oldest_go_and_says_so():
    s = pair(tolerance_ms=500, max_buffered=3)
    for k in range(5):
        push(s, "b", k, k)
    assert s.counts("b").evicted == 2
    assert s._states["b"].stamps == [2 * MS, 3 * MS, 4 * MS]
