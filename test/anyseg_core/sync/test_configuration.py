"""A synchroniser that cannot work is refused when it is made."""

import pytest

from anyseg_core.errors import ConfigurationError
from anyseg_core.sync import Stream, Synchronizer


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"name": ""}, "name"),
        ({"mode": "latest"}, "latest"),
        ({"tolerance_ns": -1}, "tolerance_ns"),
        ({"tolerance_ns": 0.05}, "tolerance_ns"),
        ({"timeout_ns": 0}, "timeout_ns"),
        ({"mode": "window"}, "window_ns"),
        ({"mode": "window", "window_ns": -5}, "window_ns"),
        ({"offset_ns": 1.5}, "offset_ns"),
        ({"timeout_ns": True}, "timeout_ns"),
    ],
)
def test_a_stream_with_values_that_make_no_sense_is_refused(values, word):
    with pytest.raises(ConfigurationError, match=word):
        Stream(**{"name": "rgb", "tolerance_ns": 1, "timeout_ns": 1, **values})


@pytest.mark.parametrize(
    ("names", "order", "max_wait_ns", "word"),
    [
        ([], ["a"], 0, "streams"),
        (["a", "a"], ["a"], 0, "streams"),
        (["a", "b"], [], 0, "reference_order"),
        (["a", "b"], ["c"], 0, "reference_order"),
        (["a", "b"], ["a", "a"], 0, "reference_order"),
        (["a", "b"], "ab", 0, "reference_order"),
        (["a", "b"], ["a"], -1, "max_wait_ns"),
    ],
)
def test_a_synchroniser_with_values_that_make_no_sense_is_refused(names, order, max_wait_ns, word):
    with pytest.raises(ConfigurationError, match=word):
        Synchronizer([Stream(name) for name in names], order, max_wait_ns)


@pytest.mark.parametrize("option", ["recovery_count", "jump_ns", "history_ns", "max_buffered"])
def test_an_option_below_its_range_is_refused(option):
    with pytest.raises(ConfigurationError, match=option):
        Synchronizer([Stream("a")], ["a"], 0, **{option: -1})


def test_a_message_of_an_unknown_stream_is_refused():
    synchronizer = Synchronizer([Stream("a")], ["a"], 0)
    with pytest.raises(ConfigurationError, match="'thermal'"):
        synchronizer.push("thermal", 0, None, 0)
