"""Waiting for the node: it ends with the node's own words."""

import itertools

import pytest

from anyseg_ros.live_replay import session
from anyseg_ros.live_replay.session import NodeNotReadyError, wait_until


def test_the_wait_is_over_when_the_node_is_ready(tmp_path):
    log = tmp_path / "node.log"
    log.write_text("network ready: a runtime\n")
    steps = itertools.count()
    idled = []
    wait_until(lambda: next(steps) == 3, lambda: idled.append(1), log)
    assert len(idled) == 3


@pytest.mark.parametrize("verb", ["configured", "activated"])
def test_a_node_that_refuses_ends_the_wait_at_once_with_its_reason(tmp_path, verb):
    log = tmp_path / "node.log"
    log.write_text(f"starting\n[ERROR] [anyseg]: cannot be {verb}: got no weights\n")
    with pytest.raises(NodeNotReadyError, match="got no weights"):
        wait_until(lambda: False, pytest.fail, log)


def test_a_node_of_which_nothing_comes_ends_the_wait_in_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "PATIENCE_S", 0.0)
    log = tmp_path / "node.log"
    log.write_text("")
    with pytest.raises(NodeNotReadyError, match="it says nothing") as caught:
        wait_until(lambda: False, lambda: None, log)
    assert "\n" not in str(caught.value)
