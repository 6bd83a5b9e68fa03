"""Reading bags: both storages, damage, and what is told of it."""

import shutil

import pytest

from anyseg_core.errors import RecordError
from anyseg_core.replay import Bag


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
