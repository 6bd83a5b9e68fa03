"""The books of the synchroniser: where each message went."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class StreamCounts:
    """What became of one stream's messages since construction; resets do not clear it.

    ``received == accepted + sum(dropped) + held`` and
    ``references == sets + sum(dropped_references) + pending`` at any time.

    Attributes:
        received: messages pushed.
        accepted: messages that went into the buffer.
        held: messages with a stamp that jumped, kept until a second one confirms or denies it.
        dropped: by reason: ``duplicate`` (a stamp held already), ``too_old`` (no set to come can
            use it), ``straggler`` (a jump of the stamp that the next message did not confirm),
            ``reset`` (held when the caller asked for a reset).
        evicted: accepted readings that a full buffer lost before their time.
        references: messages that asked for a set, as the reference of their time.
        sets: sets that they gave.
        pending: references whose set is not out yet.
        dropped_references: by reason: ``not_newer`` (a set of that instant or a later one is out
            or on its way), ``reset`` (pending when the caller asked for a reset).
    """

    received: int = 0
    accepted: int = 0
    held: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    evicted: int = 0
    references: int = 0
    sets: int = 0
    pending: int = 0
    dropped_references: dict[str, int] = field(default_factory=dict)

    def drop(self, reason: str) -> None:
        """Count one message that is not used."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def drop_reference(self, reason: str) -> None:
        """Count one reference message that gives no set."""
        self.dropped_references[reason] = self.dropped_references.get(reason, 0) + 1

    def copy(self) -> StreamCounts:
        """Return a snapshot that later messages leave alone."""
        return StreamCounts(
            received=self.received,
            accepted=self.accepted,
            held=self.held,
            dropped=dict(self.dropped),
            evicted=self.evicted,
            references=self.references,
            sets=self.sets,
            pending=self.pending,
            dropped_references=dict(self.dropped_references),
        )
