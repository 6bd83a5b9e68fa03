"""The adapter's inputs and its giving out of sets, with filters of the same interface."""

import threading
from dataclasses import dataclass

import pytest

from anyseg_core.errors import ConfigurationError
from anyseg_core.sync import Stream, Synchronizer
from anyseg_ros.filter_inputs import FilterInputs

MS = 1_000_000
NAMES = ("rgb", "depth", "event")


@dataclass(frozen=True)
class Message:
    stamp_ns: int
    text: str = ""


class Filter:
    """What message_filters calls a filter: callbacks take the message, then what they asked for."""

    def __init__(self):
        self.callbacks = []

    def registerCallback(self, cb, *args):  # noqa: N802 - message_filters' name
        self.callbacks.append((cb, args))
        return len(self.callbacks) - 1

    def signalMessage(self, *messages):  # noqa: N802 - message_filters' name
        for cb, args in self.callbacks:
            cb(*messages, *args)


class Rig:
    """Three inputs; ``got`` is what the callback was given, ``on_set`` what else it does."""

    def __init__(self, max_waiting=10, on_set=None):
        streams = [
            Stream("rgb", tolerance_ns=20 * MS),
            Stream("depth", tolerance_ns=20 * MS),
            Stream("event", "window", window_ns=30 * MS),
        ]
        self.now_ns = 0
        self.got = []
        self.on_set = on_set or (lambda _: None)
        self.synchronizer = Synchronizer(streams, ["rgb"], 50 * MS)
        self.inputs = FilterInputs(
            NAMES,
            self.synchronizer,
            lambda message: getattr(message, "stamp_ns", None),
            self.emit,
            lambda: self.now_ns,
            max_waiting,
        )
        self.filters = [Filter() for _ in NAMES]
        self.connections = self.inputs.connect(self.filters)

    def emit(self, frame_set, messages):
        self.got.append(messages)
        self.on_set(frame_set)

    def send(self, name, stamp_ms, now_ms=None):
        self.now_ns = (stamp_ms if now_ms is None else now_ms) * MS
        message = Message(stamp_ms * MS, name)
        self.filters[NAMES.index(name)].signalMessage(message)
        return message


def test_each_input_gives_its_message_a_window_all_of_its_own_and_an_absent_one_none():
    rig = Rig()
    first, second = rig.send("event", 85), rig.send("event", 100)
    rgb = rig.send("rgb", 100)
    assert rig.got == [(rgb, None, (first, second))]
    assert rig.connections == [0, 0, 0]


def test_a_message_without_a_stamp_is_left_out():
    rig = Rig()
    rig.filters[0].signalMessage("no stamp")
    assert rig.got == []


def test_a_wait_ends_when_polled():
    rig = Rig()
    rig.send("depth", 0)
    rgb = rig.send("rgb", 100)
    rig.now_ns = 149 * MS
    rig.inputs.poll()
    assert rig.got == []
    rig.now_ns = 150 * MS
    rig.inputs.poll()
    assert rig.got == [(rgb, None, None)]


def test_callbacks_run_outside_the_lock_and_may_signal_an_input_themselves():
    rig = Rig()

    def feed_back(frame_set):
        if len(rig.got) < 3:
            rig.send("rgb", frame_set.stamp_ns // MS + 100)

    rig.on_set = feed_back
    rig.send("rgb", 100)
    assert [messages[0].stamp_ns // MS for messages in rig.got] == [100, 200, 300]


def test_what_a_callback_raises_goes_to_the_caller_and_the_next_sets_come_all_the_same():
    rig = Rig()

    def fail_once(_):
        if len(rig.got) == 1:
            raise ValueError("in the callback")

    rig.on_set = fail_once
    with pytest.raises(ValueError, match="in the callback"):
        rig.send("rgb", 100)
    rig.send("rgb", 200)
    assert len(rig.got) == 2


def test_while_a_callback_is_at_work_other_threads_go_on_and_sets_stay_in_order():
    at_work, go_on = threading.Event(), threading.Event()
    rig = Rig(max_waiting=5)

    def wait_once(_):
        if len(rig.got) == 1:
            at_work.set()
            assert go_on.wait(20)

    rig.on_set = wait_once
    slow = threading.Thread(target=rig.send, args=("rgb", 100))
    slow.start()
    assert at_work.wait(20)
    for stamp_ms in range(200, 1000, 100):
        rig.send("rgb", stamp_ms)
    assert len(rig.got) == 1
    go_on.set()
    slow.join(20)
    assert [messages[0].stamp_ns // MS for messages in rig.got] == [100, 500, 600, 700, 800, 900]
    assert rig.inputs.overtaken == 3


def test_many_threads_lose_no_set_and_mix_up_no_order():
    rig = Rig(max_waiting=10_000)

    def work(first):
        for k in range(first, 2000, 4):
            rig.inputs.add(Message(k * 1000), "rgb")

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    stamps = [messages[0].stamp_ns for messages in rig.got]
    assert stamps == sorted(set(stamps))
    assert len(stamps) == rig.synchronizer.counts("rgb").sets
    assert len(stamps) >= 500


@pytest.mark.parametrize(
    ("filters", "word"), [([Filter()] * 2, "2 filters"), ([Filter(), Filter(), "rgb"], "type str")]
)
def test_inputs_that_are_no_filters_or_too_few_are_refused(filters, word):
    with pytest.raises(ConfigurationError, match=word):
        Rig().inputs.connect(filters)
