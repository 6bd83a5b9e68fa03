"""Reading bags: both storages, damage, and what is told of it."""

import shutil

import pytest

from anyseg_core.errors import RecordError
from anyseg_core.replay import Bag, recovery
from anyseg_core.replay import bag as bag_module


def stamps(path, topic="/rgb/image"):
    with Bag(path) as bag:
        return [message.log_ns for message in bag.messages({topic})], bag.problems


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_messages_come_in_record_order_from_either_storage(make_bag, storage):
    path = make_bag(storage)
    with Bag(path) as bag:
        topics = bag.topics
        times = [message.log_ns for message in bag.messages(topics)]
    assert topics["/events"] == "sensor_msgs/msg/PointCloud2"
    assert len(times) == 5 * 30 + 2
    assert times == sorted(times)


def test_a_single_mcap_file_is_a_bag_too(bag):
    [file] = bag.glob("*.mcap")
    assert stamps(file) == stamps(bag)


def test_what_is_no_bag_is_refused_in_one_sentence(tmp_path):
    with pytest.raises(RecordError, match="does not exist"):
        Bag(tmp_path / "nothing")
    (tmp_path / "text.mcap").write_text("not a recording")
    with pytest.raises(RecordError, match="cannot be read as a bag") as caught:
        Bag(tmp_path / "text.mcap")
    assert "\n" not in str(caught.value)


def test_a_message_that_cannot_be_read_is_left_out_and_counted(make_bag, tmp_path):
    path = tmp_path / "copy"
    shutil.copytree(make_bag("sqlite3"), path)
    import sqlite3  # noqa: PLC0415 - for this test alone

    [file] = path.glob("*.db3")
    with sqlite3.connect(file) as database:
        database.execute(
            "UPDATE messages SET data = x'00010000ff' WHERE id = "
            "(SELECT MIN(m.id) FROM messages m JOIN topics t ON m.topic_id = t.id "
            "WHERE t.name = '/rgb/image')"
        )
    database.close()
    times, problems = stamps(path)
    assert len(times) == 29
    assert len(problems) == 1
    assert "/rgb/image" in problems[0]


@pytest.mark.parametrize("share", [0.35, 0.6, 0.9])
def test_a_cut_recording_gives_what_it_holds_and_says_what_is_lost(bag, tmp_path, share):
    path = tmp_path / "cut"
    shutil.copytree(bag, path)
    [file] = path.glob("*.mcap")
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    with Bag(bag) as opened:
        everything = [(one.topic, one.log_ns) for one in opened.messages(opened.topics)]
    with Bag(path) as opened:
        topics = opened.topics
        found = [(one.topic, one.log_ns) for one in opened.messages(topics)]
        assert "was cut" in opened.problems[0]
    assert found == everything[: len(found)]
    assert len(found) > 0.2 * share * len(everything)


def in_two_files(bag, folder):
    """The same recording twice, as a recorder that splits its bags leaves it when it dies."""
    folder.mkdir()
    [file] = bag.glob("*.mcap")
    for index in range(2):
        shutil.copy(file, folder / f"drive_{index}.mcap")
    return folder


def test_a_folder_without_metadata_is_read_file_by_file_and_says_so(bag, tmp_path):
    path = in_two_files(bag, tmp_path / "died")
    times, problems = stamps(path)
    assert len(times) == 2 * 30
    assert times == sorted(times)
    assert problems == ["died has no metadata.yaml: its files were read alone"]


def test_of_several_files_only_the_cut_one_loses_its_end(bag, tmp_path):
    path = in_two_files(bag, tmp_path / "died")
    last = path / "drive_1.mcap"
    last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])
    times, problems = stamps(path)
    assert 30 < len(times) < 60
    assert [problem.split()[0] for problem in problems] == ["died", "drive_1.mcap"]


def test_a_cut_file_without_room_for_its_copy_ends_in_one_sentence(bag, tmp_path, monkeypatch):
    monkeypatch.setattr(recovery, "_SPARE_BYTES", 2**62)
    path = in_two_files(bag, tmp_path / "died")
    last = path / "drive_1.mcap"
    last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])
    with pytest.raises(RecordError, match="bytes of room") as caught:
        Bag(path)
    assert "\n" not in str(caught.value)


def test_a_cut_database_ends_in_one_sentence_that_says_how_to_recover_it(make_bag, tmp_path):
    path = tmp_path / "cut"
    shutil.copytree(make_bag("sqlite3"), path)
    [file] = path.glob("*.db3")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(RecordError, match=r"malformed.*sqlite3 FILE \.recover") as caught:
        Bag(path)
    assert "\n" not in str(caught.value)


def test_messages_beyond_the_limit_are_left_out_and_told_once(bag, monkeypatch):
    monkeypatch.setattr(bag_module, "MAX_MESSAGE_BYTES", 10_000)
    times, [problem] = stamps(bag)
    assert times == []
    assert problem.startswith("30 messages of /rgb/image cannot be read: ")
    assert problem.endswith("bytes, more than 10000")


def test_a_bag_beyond_the_limit_is_refused(bag, monkeypatch):
    monkeypatch.setattr(bag_module, "MAX_BAG_BYTES", 10_000)
    with pytest.raises(RecordError, match="GiB; wanted at most"):
        Bag(bag)


def test_a_message_goes_out_as_ros_2_sends_it_also_from_a_ros_1_bag(bag, tmp_path):
    rosbag1, typesys = (
        pytest.importorskip("rosbags.rosbag1"),
        pytest.importorskip("rosbags.typesys"),
    )
    ros1 = typesys.get_typestore(typesys.Stores.ROS1_NOETIC)
    ros2 = typesys.get_typestore(typesys.Stores.ROS2_JAZZY)
    kind = "sensor_msgs/msg/Image"
    with Bag(bag) as opened, rosbag1.Writer(tmp_path / "old.bag") as writer:
        connection = writer.add_connection("/rgb/image", kind, typestore=ros1)
        sent = []
        for one in opened.messages({"/rgb/image"}):
            sent.append(opened.as_sent(one))
            writer.write(connection, one.log_ns, ros2.cdr_to_ros1(sent[-1], kind))
    with Bag(tmp_path / "old.bag") as opened:
        found = [opened.as_sent(one) for one in opened.messages({"/rgb/image"})]
    assert len(found) == 30
    for before, after in zip(sent, found, strict=True):
        first, second = (ros2.deserialize_cdr(data, kind) for data in (before, after))
        assert first.header.stamp == second.header.stamp
        assert first.data.tobytes() == second.data.tobytes()
