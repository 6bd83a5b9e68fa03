"""What /diagnostics says of each sensor, of the inputs and of resets."""

import threading

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from anyseg_core.errors import RecordError
from anyseg_core.health import Action, Finding, HealthState, Verdict
from anyseg_core.segmentation import SensorReport
from anyseg_ros.diagnostics import Throughput, diagnostics
from anyseg_ros.rejections import RejectionLog
from anyseg_ros.usage import Usage, UsageLog

BLACK = Finding("rgb_black", 2.0, 10.0, "", "the image is black", "check the cap", Action.EXCLUDE)


def verdict(state=HealthState.OK, findings=()):
    return Verdict("rgb", state, findings)


def entry(name, one=None, **changes):
    values = {"rejections": {}, "publishers": {"/rgb/image": 1}} | changes
    array = diagnostics(
        "anyseg",
        5,
        values.pop("throughput", Throughput(3, 1, 9.5, 7)),
        {"rgb": one or verdict()},
        values.pop("rejections"),
        values.pop("publishers"),
        **values,
    )
    status = next(s for s in array.status if s.name == f"anyseg: {name}")
    return status, {pair.key: pair.value for pair in status.values}


def test_a_sensor_that_health_leaves_out_stands_there_with_value_threshold_and_remedy():
    status, values = entry("rgb", verdict(HealthState.FAILED, (BLACK,)))
    assert status.level == DiagnosticStatus.ERROR
    assert status.message == "the image is black"
    assert values["excluded"] == "by health"
    assert (values["rgb_black.value"], values["rgb_black.threshold"]) == ("2", "10")
    assert values["rgb_black.remedy"] == "check the cap"


@pytest.mark.parametrize("state", [HealthState.OK, HealthState.FAILED])
def test_a_sensor_left_out_by_hand_stands_there_with_the_way_back(state):
    findings = (BLACK,) if state is HealthState.FAILED else ()
    status, values = entry("rgb", verdict(state, findings), excluded={"rgb"})
    assert status.level >= DiagnosticStatus.WARN
    assert status.message.startswith("excluded by hand")
    assert values["excluded"] == "by hand"
    assert "~/exclude/rgb" in values["excluded.remedy"]
    assert ("rgb_black.value" in values) == bool(findings)


def test_a_sensor_in_use_is_not_called_excluded():
    status, values = entry("rgb")
    assert status.level == DiagnosticStatus.OK
    assert values["excluded"] == "no"


def test_a_publisher_with_other_qos_is_named_with_the_policy_and_the_parameter():
    words = "camera: ERROR: reliability"
    status, values = entry("inputs", incompatible={"/rgb/image": words})
    assert status.level == DiagnosticStatus.WARN
    assert "/rgb/image" in status.message
    assert values["/rgb/image.incompatible"] == words
    assert "qos_overrides./rgb/image.subscription" in values["/rgb/image.remedy"]
    assert entry("inputs")[0].level == DiagnosticStatus.OK


def test_a_reset_is_said_with_its_reason():
    why = "the arrival clock went back by 4.000 s"
    _, values = entry("segmentation", throughput=Throughput(3, 1, 9.5, 7, 2, why))
    assert (values["resets"], values["last_reset"]) == ("2", why)


def test_rejections_of_many_threads_are_all_counted():
    lines = []
    log = RejectionLog(lines.append, lambda: 0)

    def add():
        for _ in range(500):
            log.add("rgb", RecordError("got", "wanted", "do"))
            log.recent(10)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.recent(10)["rgb"].count == 2000
    assert len(lines) == 1


def test_a_sound_sensor_that_no_mask_uses_is_warned_of_with_the_reason():
    status, values = entry("rgb", usage={"rgb": Usage(30, 0, "out_of_tolerance")})
    assert status.level == DiagnosticStatus.WARN
    assert status.message == "sound, and in no mask of late: out_of_tolerance"
    assert values["used"] == "in 0 of 30 masks"


@pytest.mark.parametrize("usage", [{"rgb": Usage(30, 7, "late")}, {}])
def test_a_sensor_used_now_and_then_is_not_warned_of(usage):
    status, values = entry("rgb", usage=usage)
    assert status.level == DiagnosticStatus.OK
    assert values.get("left_out") == ("late" if usage else None)


def test_uses_are_counted_from_one_look_to_the_next():
    log = UsageLog()
    for used, reason in ((True, ""), (False, "late"), (True, "")):
        log.add([SensorReport("lidar", used, reason, None, None, verdict(), None)])
    assert log.take() == {"lidar": Usage(3, 2, "late")}
    assert log.take() == {}
