import os
import signal
from multiprocessing import active_children

import numpy as np
import pytest
import torch

from anyseg_core.data import normalised
from anyseg_core.train.batches import BatchSource, Place, iterate
from anyseg_core.train.class_weights import class_weights


def _same(one, other):
    return (
        one.names == other.names
        and torch.equal(one.labels, other.labels)
        and one.inputs.keys() == other.inputs.keys()
        and all(torch.equal(x, other.inputs[name]) for name, x in one.inputs.items())
    )


def test_batches_from_the_middle_are_those_of_a_run_from_the_start(splits, recipe_of):
    source = BatchSource(splits("rgb", "depth")[0], recipe_of(), Place())
    whole = [source[i] for i in range(9)]
    for workers in (0, 2):
        rest = list(iterate(source, range(5, 9), workers, pin=False))
        assert len(rest) == 4
        assert all(_same(one, other) for one, other in zip(rest, whole[5:], strict=True))


def test_a_worker_told_to_end_while_it_starts_still_makes_its_batches(splits, recipe_of):
    source = BatchSource(splits("rgb", "depth")[0], recipe_of(), Place())
    before = set(active_children())
    batches = iterate(source, range(4), 2, pin=False)
    starting = set(active_children()) - before
    assert len(starting) == 2
    for worker in starting:
        os.kill(worker.pid, signal.SIGTERM)
    assert [batch.names for batch in batches] == [source[i].names for i in range(4)]


def test_an_epoch_sees_every_sample_once(splits, recipe_of):
    training = splits("rgb")[0]
    source = BatchSource(training, recipe_of(batch__size=1), Place())
    names = [source[i].names[0] for i in range(7)]
    assert sorted(names) == sorted(training[i].name for i in range(7))


def test_two_devices_see_together_what_one_sees_in_two_parts(splits, recipe_of):
    training = splits("rgb", "depth")[0]
    alone = BatchSource(training, recipe_of(batch__accumulation=2), Place())
    pair = [BatchSource(training, recipe_of(), Place(rank, 2)) for rank in (0, 1)]
    for update in range(3):
        for rank in (0, 1):
            assert _same(alone[2 * update + rank], pair[rank][update])


def test_batches_hold_normalised_crops_of_the_modalities_drawn(splits, recipe_of):
    training = splits("rgb", "depth")[0]
    source = BatchSource(training, recipe_of(subsets__full=0.0, subsets__sizes=[1]), Place())
    batches = [source[i] for i in range(12)]
    assert {tuple(batch.inputs) for batch in batches} == {("rgb",), ("depth",)}
    for batch in batches:
        (image,) = batch.inputs.values()
        assert image.shape == (2, 3, 32, 32)
        assert image.dtype == torch.float32
        assert batch.labels.shape == (2, 32, 32)
    low, high = (
        f(normalised(training[i], training.normalisation)["rgb"][0].min() for i in range(7))
        for f in (min, max)
    )
    assert low <= high < 3


def test_class_weights_average_to_one_over_pixels_and_favour_rare_classes(splits):
    training = splits("rgb")[0]
    counts = sum(np.bincount(training[i].labels.ravel(), minlength=256)[:4] for i in range(7))
    weights = class_weights(training, 0.5).numpy()
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1.0, rel=1e-5)
    assert list(np.argsort(weights)) == list(np.argsort(-counts))
    ratio = (counts[0] / counts[1]) ** -0.5
    assert weights[0] / weights[1] == pytest.approx(ratio, rel=1e-5)
    assert class_weights(training, 0.0).tolist() == [1.0] * 4
