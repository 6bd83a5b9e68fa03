import threading

from anyseg_ros.worker import NewestWorker


def test_the_newest_item_wins_and_the_overtaken_are_counted():
    started, go = threading.Event(), threading.Event()
    done = []

    def work(item):
        started.set()
        assert go.wait(10)
        done.append(item)

    worker = NewestWorker(work, lambda _: None)
    worker.submit(1)
    assert started.wait(10)
    for item in (2, 3, 4):
        worker.submit(item)
    assert worker.dropped == 2
    started.clear()
    go.set()
    assert started.wait(10)
    worker.stop()
    assert done == [1, 4]


def test_an_item_that_raises_does_not_end_the_worker():
    errors, done = [], threading.Event()

    def work(item):
        if item == "bad":
            raise ValueError(item)
        done.set()

    first = threading.Event()
    worker = NewestWorker(work, lambda error: (errors.append(error), first.set()))
    worker.submit("bad")
    assert first.wait(10)
    worker.submit("good")
    assert done.wait(10)
    worker.stop()
    assert [str(error) for error in errors] == ["bad"]


def test_stopping_forgets_the_waiting_item_and_ends_the_thread():
    started, go, done = threading.Event(), threading.Event(), []

    def work(item):
        started.set()
        assert go.wait(10)
        done.append(item)

    worker = NewestWorker(work, lambda _: None)
    worker.submit(1)
    assert started.wait(10)
    worker.submit(2)
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    stopper.join(0.05)
    go.set()
    stopper.join(10)
    assert not stopper.is_alive()
    assert done == [1]
