"""What is kept of values that take room."""

from hypothesis import given
from hypothesis import strategies as st

from anyseg_core.replay.recent import Recent

MOST = 100


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 60)), max_size=60))
def test_what_was_used_last_is_kept_as_far_as_it_fits(asked):
    recent, order = Recent(MOST), []  # the oracle: keys and sizes, the latest last
    for key, size in asked:
        known = next((one for one in order if one[0] == key), None)
        assert recent.get(key) == (None if known is None else key)
        if known is None:
            known = (key, size)
            recent.put(key, key, size)
        else:
            order.remove(known)
        order.append(known)
        while sum(one[1] for one in order) > MOST:
            order.pop(0)


def test_a_value_larger_than_the_room_is_kept_alone():
    recent = Recent(MOST)
    recent.put("small", 1, 10)
    recent.put("large", 2, 1000)
    assert recent.get("small") is None
    assert recent.get("large") == 2
    recent.put("next", 3, 10)
    assert recent.get("large") is None
    assert recent.get("next") == 3
