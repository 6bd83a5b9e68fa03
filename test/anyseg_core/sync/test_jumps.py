"""Time that pauses, jumps and loops; sensors that restart with another epoch; stragglers."""

import dataclasses

import pytest

SENSORS = ("rgb", "depth", "event", "lidar")


def shifted(messages, stamp_ns=0, arrival_ns=0):
    return [
        dataclasses.replace(m, stamp_ns=m.stamp_ns + stamp_ns, arrival_ns=m.arrival_ns + arrival_ns)
        for m in messages
    ]


def assert_ordered_within_epochs(sets):
    keys = [(s.epoch, s.stamp_ns) for _, s in sets]
    assert keys == sorted(set(keys))


def assert_accounted(synchronizer):
    for name in SENSORS:
        c = synchronizer.counts(name)
        assert c.received == c.accepted + sum(c.dropped.values()) + c.held
        assert c.references == c.sets + sum(c.dropped_references.values()) + c.pending


@pytest.mark.parametrize("clock_loops", [True, False])
@pytest.mark.parametrize("alive", [SENSORS, ("rgb",), ("rgb", "lidar"), ("event", "lidar")])
def test_a_loop_resets_by_itself_and_sets_go_on_at_once(scene, alive, clock_loops):
    once = scene.traffic(alive, 0, 4)
    span = once[-1].arrival_ns - once[0].arrival_ns + 10 * scene.MS
    again = once if clock_loops else shifted(once, arrival_ns=span)
    synchronizer = scene.synchronizer()
    first = scene.run(synchronizer, once)
    second = scene.run(synchronizer, again)
    assert synchronizer.reset_count == 1
    assert len(synchronizer.reset_reasons) == 1
    of_second = [item for item in second if item[1].epoch == 1]
    assert len(of_second) >= len(first) - 3
    assert sum(len(s.readings) == len(alive) for _, s in of_second) >= 0.9 * len(of_second)
    assert_ordered_within_epochs(first + second)
    assert_accounted(synchronizer)


def test_a_single_straggler_resets_nothing_and_is_dropped(scene):
    messages = scene.traffic(SENSORS, 0, 4)
    i = next(i for i, m in enumerate(messages) if i > 300 and m.name == "rgb")
    old = dataclasses.replace(messages[i], stamp_ns=messages[i].stamp_ns - 3 * scene.S)
    synchronizer = scene.synchronizer()
    sets = scene.run(synchronizer, [*messages[: i + 1], old, *messages[i + 1 :]])
    assert synchronizer.reset_count == 0
    assert synchronizer.counts("rgb").dropped == {"straggler": 1}
    assert sets == scene.run(scene.synchronizer(), messages)


def test_a_single_stamp_far_ahead_resets_nothing(scene):
    messages = scene.traffic(SENSORS, 0, 4)
    i = next(i for i, m in enumerate(messages) if i > 300 and m.name == "rgb")
    messages[i] = dataclasses.replace(messages[i], stamp_ns=messages[i].stamp_ns + 3600 * scene.S)
    synchronizer = scene.synchronizer()
    sets = scene.run(synchronizer, messages)
    assert synchronizer.reset_count == 0
    assert max(s.stamp_ns for _, s in sets) < scene.START_NS + 4 * scene.S


@pytest.mark.parametrize("epoch_s", [-1_000_000, 3600])
@pytest.mark.parametrize("who", ["rgb", "lidar"])
def test_a_sensor_that_restarts_with_another_epoch_leaves_the_rest_together(scene, who, epoch_s):
    rest = [name for name in SENSORS if name != who]
    restarted = shifted(scene.traffic([who], 4, 8), stamp_ns=epoch_s * scene.S)
    messages = sorted(scene.traffic(rest, 0, 8) + scene.traffic([who], 0, 2) + restarted)
    synchronizer = scene.synchronizer()
    sets = scene.run(synchronizer, messages)
    after = [(now, s) for now, s in sets if now > scene.START_NS + 5 * scene.S]
    assert synchronizer.reset_count == 0
    assert len(after) >= 80
    for _, frame_set in after:
        assert set(frame_set.readings) == set(rest)
        assert frame_set.absent == {who: "out_of_tolerance"}
        assert frame_set.reference == ("depth" if who == "rgb" else "rgb")
    arrivals = {(m.name, m.stamp_ns): m.arrival_ns for m in messages}
    waits = [now - arrivals[s.reference, s.stamp_ns] for now, s in after]
    assert sorted(waits)[len(waits) // 2] < 50 * scene.MS
    assert_accounted(synchronizer)


def test_a_reference_back_from_a_wrong_epoch_waits_before_it_takes_over(scene):
    wrong = shifted(scene.traffic(["rgb"], 2, 4), stamp_ns=-50 * scene.S)
    right = scene.traffic(["rgb"], 0, 2) + scene.traffic(["rgb"], 4, 6)
    synchronizer = scene.synchronizer(recovery_count=9)
    sets = scene.run(synchronizer, sorted(scene.traffic(SENSORS[1:], 0, 6) + wrong + right))
    back = [s for _, s in sets if s.stamp_ns > scene.START_NS + 4 * scene.S]
    # Eight come before; the first of them alone is held.
    assert [s.reference for s in back].index("rgb") in (7, 8)
    assert {s.reference for s in back[9:]} == {"rgb"}
    assert synchronizer.reset_count == 0


def test_the_only_sensor_may_restart_with_another_epoch(scene):
    messages = scene.traffic(["rgb"], 0, 2) + shifted(
        scene.traffic(["rgb"], 4, 6), stamp_ns=-(10**6) * scene.S
    )
    synchronizer = scene.synchronizer()
    sets = scene.run(synchronizer, messages)
    assert sum(s.stamp_ns < scene.START_NS for _, s in sets) >= 59
    assert_accounted(synchronizer)


def test_a_seek_forward_goes_on_with_all_sensors(scene):
    messages = scene.traffic(SENSORS, 0, 2)
    span = messages[-1].arrival_ns - messages[0].arrival_ns + 10 * scene.MS
    ahead = shifted(scene.traffic(SENSORS, 0, 2), 600 * scene.S, span)
    synchronizer = scene.synchronizer()
    scene.run(synchronizer, messages)
    after = [s for _, s in scene.run(synchronizer, ahead) if s.epoch == 1]
    assert len(after) >= 56
    assert sum(len(s.readings) == 4 for s in after) >= 0.9 * len(after)


def test_when_the_reference_with_a_wrong_epoch_dies_the_next_goes_on(scene):
    rgb = shifted(scene.traffic(["rgb"], 0, 2), stamp_ns=10**6 * scene.S)
    messages = sorted(rgb + scene.traffic(["depth", "event"], 1, 5))
    sets = scene.run(scene.synchronizer(), messages)
    last = [s for _, s in sets if s.reference == "depth"]
    assert len(last) >= 60
    assert all("event" in s.readings for s in last[10:])


def test_paused_sim_time_neither_loses_nor_resets(scene):
    messages = scene.traffic(SENSORS, 0, 4)
    plain = scene.run(scene.synchronizer(), messages)
    synchronizer = scene.synchronizer()
    paused = scene.run(synchronizer, messages[:400])
    for _ in range(100):
        paused += [(0, s) for s in synchronizer.poll(messages[399].arrival_ns)]
    paused += scene.run(synchronizer, messages[400:])
    assert [s for _, s in paused] == [s for _, s in plain]
    assert synchronizer.reset_count == 0


def test_a_bag_paused_under_a_running_clock_goes_on(scene):
    messages = scene.traffic(SENSORS, 0, 4)
    later = shifted(messages[400:], arrival_ns=60 * scene.S)
    synchronizer = scene.synchronizer()
    sets = scene.run(synchronizer, messages[:400] + later)
    assert synchronizer.reset_count == 0
    assert_ordered_within_epochs(sets)
    after = [s for now, s in sets if now > later[0].arrival_ns + scene.S // 4]
    assert after
    assert all(len(s.readings) == 4 for s in after)


def test_a_reset_asked_for_forgets_and_lets_stamps_start_lower(scene):
    synchronizer = scene.synchronizer()
    messages = scene.traffic(["rgb", "depth"], 0, 2)
    scene.run(synchronizer, messages)
    synchronizer.reset()
    assert synchronizer.reference is None
    assert synchronizer.flush() == []
    (frame_set,) = synchronizer.push("depth", 5, None, 7)
    assert frame_set.absent == dict.fromkeys(["rgb", "event", "lidar"], "never_seen")
    assert frame_set.epoch == synchronizer.reset_count == 1
    assert_accounted(synchronizer)


def test_a_poll_with_a_clock_that_went_back_resets(scene):
    synchronizer = scene.synchronizer()
    scene.run(synchronizer, scene.traffic(["rgb", "lidar"], 0, 2))
    synchronizer.poll(scene.START_NS - scene.S)
    assert synchronizer.reset_count == 1
    assert "went back" in synchronizer.reset_reasons[0]
