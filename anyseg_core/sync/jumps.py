"""Telling a clock that jumped for all from one sensor that restarted with another epoch."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from anyseg_core.sync.stream_state import StreamState

CONFIRMING_MESSAGES = 2
"""One message with an odd stamp may be a straggler; a second one that follows it is not."""

DECIDING_MESSAGES = 4
"""After so many, the majority of those that have spoken decides."""


class Jump(Enum):
    """What a stamp that jumped turned out to be."""

    UNDECIDED = auto()
    ONE_STREAM = auto()
    ALL_STREAMS = auto()


def judge_jump(
    state: StreamState, others: Iterable[StreamState], in_step: Callable[[StreamState], bool]
) -> Jump:
    """Decide by majority of the live streams whether time jumped or one sensor restarted.

    A stream speaks for a jump of all if it holds a jumped stamp itself or is out of step; it
    speaks against if it went on in step after the first jumped message of ``state`` arrived.

    Args:
        state: the stream whose held messages jumped.
        others: the other live streams.
        in_step: whether a stream's stamps fit the last set's.
    """
    if len(state.held) < CONFIRMING_MESSAGES:
        return Jump.UNDECIDED
    since_ns = state.held[0].arrival_ns
    total, jumped, staying = 1, 1, 0
    for other in others:
        total += 1
        if other.held or not in_step(other):
            jumped += 1
        elif other.last_arrival_ns is not None and other.last_arrival_ns > since_ns:
            staying += 1
    if 2 * jumped > total:
        return Jump.ALL_STREAMS
    if 2 * staying >= total or len(state.held) >= DECIDING_MESSAGES:
        return Jump.ONE_STREAM if staying >= jumped else Jump.ALL_STREAMS
    return Jump.UNDECIDED
