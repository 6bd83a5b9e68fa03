"""Calibration images of a data set, and the loss of int8 against the truth."""

import numpy as np
import pytest

from anyseg_core.errors import ConfigurationError
from anyseg_core.evaluation import evaluate
from anyseg_core.evaluation.quantised import calibration_samples, quantised_scores
from anyseg_core.types import MODALITIES


def test_calibration_takes_samples_spread_over_the_split_with_all_modalities(memory, erring):
    dataset = memory()
    samples = calibration_samples(dataset, erring().card, 3)
    for sample, index in zip(samples, (0, 2, 4), strict=True):
        assert list(sample) == list(MODALITIES)
        for name, image in sample.items():
            assert np.array_equal(image, dataset[index].channels[name])


def test_calibration_sees_images_at_the_networks_size_and_no_sample_twice(memory, erring):
    samples = calibration_samples(memory(), erring(input_size=(64, 64)).card, 99)
    assert len(samples) == 5
    images = [image for sample in samples for image in sample.values()]
    assert all(image.dtype == np.float32 for image in images)
    assert {image.shape for image in images} == {(3, 64, 64)}


def test_no_sample_or_no_known_modality_is_refused(memory, erring):
    with pytest.raises(ConfigurationError, match="0 samples"):
        calibration_samples(memory(), erring().card, 0)
    with pytest.raises(ConfigurationError, match="radar"):
        calibration_samples(memory(modalities=("radar",)), erring().card)


class Exact:
    """Gives labels without an error; 1 where the channels, rounded, say so."""

    def __init__(self, erring):
        self.card, self.description = erring.card, "exact"
        self._erring = erring

    def predict(self, tensors, subsets):
        for _ in subsets:
            yield from self._erring.predict(tensors, [MODALITIES])


def test_scores_are_those_of_two_evaluations_and_labels_are_compared(plan, erring):
    whole = plan()
    done = []
    scores = quantised_scores(whole, Exact(erring()), erring(), done.append)
    assert sum(done) == len(whole.indices)
    assert tuple(scores) == whole.subsets
    alone = evaluate(whole, erring(), lambda _: None).tally
    for subset, score in scores.items():
        assert score.int8 == pytest.approx(alone.total(subset)[0].scores().miou)
        assert score.loss == pytest.approx(100 * (score.float32 - score.int8))
    assert scores[MODALITIES].labels_equal == 1.0
    assert scores[MODALITIES].loss == 0.0
    without = scores[("rgb", "depth", "event")]
    assert without.loss > 0.0
    assert 0.0 < without.labels_equal < 1.0
