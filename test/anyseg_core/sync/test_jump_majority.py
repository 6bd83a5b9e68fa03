"""Who decides whether time jumped or one sensor restarted."""

import pytest

from anyseg_core.sync import Reading, Stream
from anyseg_core.sync.jumps import Jump, judge_jump
from anyseg_core.sync.stream_state import StreamState

JUMPED_AT_NS = 1_000


def state(kind, held=0):
    made = StreamState(Stream(kind), max_buffered=8)
    made.held = [Reading(k, None, JUMPED_AT_NS + k) for k in range(held)]
    made.last_arrival_ns = JUMPED_AT_NS + (1 if kind == "stays" else -1)
    return made


def judge(held, others):
    states = [state(kind, held=kind == "jumps") for kind in others]
    return judge_jump(state("rgb", held), states, lambda s: s.stream.name != "out of step")


@pytest.mark.parametrize(
    ("held", "others", "jump"),
    [
        (1, [], Jump.UNDECIDED),
        (2, [], Jump.ALL_STREAMS),
        (1, ["jumps", "jumps", "jumps"], Jump.UNDECIDED),
        (2, ["jumps", "jumps", "stays"], Jump.ALL_STREAMS),
        (2, ["jumps", "out of step", "stays"], Jump.ALL_STREAMS),
        (2, ["stays"], Jump.ONE_STREAM),
        (2, ["stays", "stays", "silent"], Jump.ONE_STREAM),
        (2, ["stays", "silent", "silent"], Jump.UNDECIDED),
        (3, ["jumps", "silent", "silent"], Jump.UNDECIDED),
        (4, ["stays", "silent", "silent"], Jump.ONE_STREAM),
        (4, ["jumps", "silent", "silent"], Jump.ALL_STREAMS),
    ],
)
def test_the_majority_of_the_live_streams_decides(held, others, jump):
    assert judge(held, others) is jump
