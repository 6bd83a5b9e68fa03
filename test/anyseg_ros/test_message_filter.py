"""The adapter beside ROS 2's own message_filters, and what is said where that is absent."""

import subprocess
import sys

import pytest
import rclpy
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Header, String

from anyseg_core.errors import ConfigurationError
from anyseg_core.sync import Stream
from anyseg_ros.conversions.stamps import header_of

try:
    import message_filters
except ImportError:
    message_filters = None
else:
    from anyseg_ros.message_filter import AvailableTimeSynchronizer

needs_message_filters = pytest.mark.skipif(
    message_filters is None, reason="ROS 2's package message_filters is not installed"
)
MS = 1_000_000
PERIODS_MS = {"rgb": 33, "depth": 33, "event": 10, "lidar": 100}


def image(stamp_ns):
    return Image(header=header_of(stamp_ns, "camera"))


def play(make, alive, seconds=3):
    """Signal messages of ``alive`` in the order of their stamps; return the callback's tuples."""
    inputs = {name: message_filters.SimpleFilter() for name in PERIODS_MS}
    synchronizer, got = make(list(inputs.values())), []
    synchronizer.registerCallback(lambda *messages: got.append(messages))
    stamps = sorted(
        (k, name)
        for name in alive
        for k in range(1000 + len(name), 1000 * (seconds + 1), PERIODS_MS[name])
    )
    for stamp_ms, name in stamps:
        inputs[name].signalMessage(image(stamp_ms * MS))
    return got


def theirs(inputs):
    return message_filters.ApproximateTimeSynchronizer(inputs, 10, 0.05)


def ours(inputs):
    return AvailableTimeSynchronizer(inputs, 10, 0.05)


def test_without_message_filters_one_sentence_says_what_to_install():
    code = (
        "import sys; sys.modules['message_filters'] = None\n"
        "try:\n import anyseg_ros.message_filter\n"
        "except ImportError as error:\n print(error)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert "install ros-<distribution>-message-filters" in said
    assert len(said.strip().splitlines()) == 1


@needs_message_filters
def test_one_changed_line_gives_at_least_the_sets_that_message_filters_gives():
    before, after = play(theirs, PERIODS_MS), play(ours, PERIODS_MS)
    full = [messages for messages in after if all(messages)]
    assert len(before) > 20
    assert len(full) >= len(before)
    assert all(isinstance(message, Image) for messages in full for message in messages)


@needs_message_filters
@pytest.mark.parametrize("dead", PERIODS_MS)
def test_with_one_input_dead_message_filters_gives_nothing_and_ours_goes_on(dead):
    alive = [name for name in PERIODS_MS if name != dead]
    assert play(theirs, alive) == []
    got = play(ours, alive)
    assert len(got) > 60
    position = list(PERIODS_MS).index(dead)
    for messages in got:
        assert messages[position] is None
    rest = [m[:position] + m[position + 1 :] for m in got]
    assert sum(all(messages) for messages in rest) > 0.5 * len(rest)


@needs_message_filters
def test_a_callback_that_raises_leaves_message_filters_locked_and_ours_going_on():
    def failing(make):
        inputs = [message_filters.SimpleFilter() for _ in range(2)]
        synchronizer = make(inputs)

        def fail(*_):
            raise ValueError("in the callback")

        synchronizer.registerCallback(fail)
        return inputs, synchronizer

    inputs, locked = failing(theirs)
    inputs[0].signalMessage(image(100 * MS))
    with pytest.raises(ValueError, match="in the callback"):
        inputs[1].signalMessage(image(100 * MS))
    assert locked.lock.locked()
    inputs, free = failing(ours)
    for stamp_ms in (100, 200):
        with pytest.raises(ValueError, match="in the callback"):
            inputs[0].signalMessage(image(stamp_ms * MS))
    assert free.counts("0").sets == 2


@needs_message_filters
def test_caches_are_inputs_and_the_synchroniser_is_one_in_turn():
    source = message_filters.SimpleFilter()
    cache = message_filters.Cache(source, 5)
    synchronizer = AvailableTimeSynchronizer([cache], 5, 0.05)
    behind = message_filters.Cache(synchronizer, 5)
    got = []
    synchronizer.registerCallback(lambda message, word: got.append((message, word)), "word")
    source.signalMessage(image(100 * MS))
    assert got == [(image(100 * MS), "word")]
    assert behind.getLast() == image(100 * MS)


@needs_message_filters
def test_streams_give_windows_offsets_names_and_reasons():
    inputs = [message_filters.SimpleFilter() for _ in range(3)]
    synchronizer = AvailableTimeSynchronizer(
        inputs,
        10,
        0.0,
        streams=[
            Stream("rgb", tolerance_ns=5 * MS),
            Stream("depth", tolerance_ns=5 * MS, offset_ns=-40 * MS),
            Stream("event", "window", window_ns=30 * MS),
        ],
        reference_order=["rgb"],
    )
    got = []
    synchronizer.registerCallback(lambda *messages: got.append((messages, synchronizer.frame_set)))
    events = [image(90 * MS), image(100 * MS)]
    for message in events:
        inputs[2].signalMessage(message)
    inputs[0].signalMessage(image(100 * MS))
    inputs[1].signalMessage(image(240 * MS))
    inputs[2].signalMessage(image(201 * MS))
    inputs[0].signalMessage(image(200 * MS))
    (first, first_set), (second, second_set) = got
    assert first == (image(100 * MS), None, tuple(events))
    assert first_set.absent == {"depth": "never_seen"}
    assert second == (image(200 * MS), image(240 * MS), None)
    assert second_set.absent == {"event": "out_of_tolerance"}
    assert synchronizer.counts("rgb").sets == 2


@needs_message_filters
@pytest.mark.parametrize("allowed", [False, True])
def test_messages_without_a_header_are_left_out_unless_allowed(allowed):
    source, got = message_filters.SimpleFilter(), []
    synchronizer = AvailableTimeSynchronizer([source], 5, 0.05, allow_headerless=allowed)
    synchronizer.registerCallback(got.append)
    source.signalMessage(String(data="no header"))
    assert got == ([String(data="no header")] if allowed else [])


@needs_message_filters
@pytest.mark.parametrize("values", [(([]), 5, 0.1), (["rgb"], 5, 0.1), ([None], 0, 0.1)])
def test_inputs_and_values_that_make_no_sense_are_refused(values):
    filters, queue_size, slop = values
    filters = [message_filters.SimpleFilter() if f is None else f for f in filters]
    with pytest.raises(ConfigurationError):
        AvailableTimeSynchronizer(filters, queue_size, slop)


@needs_message_filters
def test_subscribers_over_dds_give_sets_and_a_timer_ends_the_wait():
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("filter_test", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    kinds = {"camera": Image, "sweep": PointCloud2}
    publishers = {name: node.create_publisher(kind, name, 10) for name, kind in kinds.items()}
    subscribers = [message_filters.Subscriber(node, kind, n) for n, kind in kinds.items()]
    synchronizer = AvailableTimeSynchronizer(subscribers, 10, 0.05, max_wait=0.2, timeout=60.0)
    got = []
    synchronizer.registerCallback(lambda *messages: got.append(messages))

    def send(names, stamp_s):
        header = Header(stamp=Time(sec=stamp_s))
        for name in names:
            publishers[name].publish(kinds[name](header=header))

    def wait_for(condition):
        for _ in range(600):
            executor.spin_once(timeout_sec=0.05)
            if condition():
                return
        raise AssertionError(got)

    try:
        wait_for(lambda: all(p.get_subscription_count() for p in publishers.values()))
        send(["sweep", "camera"], 1000)
        wait_for(lambda: got)
        send(["camera"], 1001)
        wait_for(lambda: len(got) >= 2 and got[-1][0].header.stamp.sec == 1001)
        assert got[-1][1] is None
        assert synchronizer.frame_set.absent == {"1": "late"}
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)
