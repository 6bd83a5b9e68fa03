from anyseg_core.errors import RecordError
from anyseg_ros.rejections import LOG_PERIOD_NS, RejectionLog


class Clock:
    now_ns = 0

    def __call__(self):
        return self.now_ns


def make():
    clock, lines = Clock(), []
    return RejectionLog(lines.append, clock), clock, lines


def error(got="7", wanted="8"):
    return RecordError(got, wanted, "do it")


def test_the_same_kind_is_logged_once_in_a_period_and_counted_always():
    log, clock, lines = make()
    for _ in range(10):
        log.add("rgb", error())
    assert len(lines) == 1
    assert "got 7; wanted 8; do it" in lines[0]
    assert log.recent(1)["rgb"].count == 10
    clock.now_ns = LOG_PERIOD_NS
    log.add("rgb", error())
    assert len(lines) == 2


def test_another_kind_or_another_input_is_logged_at_once():
    log, _, lines = make()
    log.add("rgb", error())
    log.add("rgb", error(wanted="9"))
    log.add("lidar", error())
    assert len(lines) == 3


def test_what_is_long_past_is_not_recent():
    log, clock, _ = make()
    log.add("rgb", error())
    clock.now_ns = 1000
    log.add("lidar", error())
    assert set(log.recent(500)) == {"lidar"}
    assert set(log.recent(1000)) == {"rgb", "lidar"}
