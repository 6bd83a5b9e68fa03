"""Encoding once per modality gives the answers of encoding for every subset."""

import numpy as np
import pytest

from anyseg_core.evaluation import all_subsets, load_predictor, predictors
from anyseg_core.runtime import load_segmenter
from anyseg_core.types import MODALITIES

SUBSETS = all_subsets(MODALITIES)


def images(seed):
    drawn = np.random.default_rng(seed).standard_normal((4, 3, 64, 64), np.float32)
    return dict(zip(MODALITIES, drawn, strict=True))


@pytest.mark.parametrize("name", ["any2seg", "charm", "mean_fusion"])
def test_answers_from_features_encoded_once_are_those_of_the_whole_network(save_network, name):
    checkpoint = save_network(name)
    shared = load_predictor(checkpoint)
    plain = load_segmenter(checkpoint, "torch", "cpu")
    # the second sample must not see the first one's features
    for seed, subsets in enumerate((SUBSETS[1::3], SUBSETS[-1:])):
        given = images(seed)
        for subset, once in zip(subsets, shared.predict(given, subsets), strict=True):
            again = plain.segment({name: given[name] for name in subset})
            assert len(np.unique(again.labels)) > 3
            assert np.mean(once.labels == again.labels) > 0.999, subset
            gap = np.abs(once.confidence.astype(int) - again.confidence)
            assert gap.max() <= 1, subset
            assert once.weights == pytest.approx(again.weights, abs=1e-5)


def test_each_modality_is_encoded_once_for_all_subsets_of_a_sample(save_network):
    predictor = load_predictor(save_network("mean_fusion"))
    encoded = []
    predictor._segmenter._model.encoder.register_forward_hook(
        lambda _module, given, _result: encoded.append(len(given[0]))
    )
    list(predictor.predict(images(0), SUBSETS))
    assert encoded == [1] * 4
    list(predictor.predict(images(1), SUBSETS[-1:]))
    assert encoded == [1] * 8


def test_what_a_subset_lacks_is_left_out_and_not_zeroed(save_network):
    predictor = load_predictor(save_network("mean_fusion"))
    given = images(0)
    alone = next(predictor.predict(given, [("depth",)]))
    zeros = {name: given[name] if name == "depth" else 0 * given[name] for name in MODALITIES}
    zeroed = next(predictor.predict(zeros, [MODALITIES]))
    assert set(alone.weights) == {"depth"}
    assert np.mean(alone.confidence == zeroed.confidence) < 0.5


@pytest.mark.parametrize(("name", "modalities"), [("cmnext", MODALITIES), ("segformer", ("rgb",))])
def test_other_models_run_whole_for_every_subset(save_network, name, modalities):
    predictor = load_predictor(save_network(name, modalities))
    found = list(predictor.predict(images(0), all_subsets(modalities[:2])))
    assert [each.labels.shape for each in found] == [(64, 64)] * len(found)


def test_a_named_runtime_is_the_one_that_answers(save_network, monkeypatch):
    asked = []
    monkeypatch.setattr(
        predictors, "load_segmenter", lambda *given: asked.append(given) or load_segmenter(given[0])
    )
    checkpoint = save_network("mean_fusion")
    load_predictor(checkpoint, "onnxruntime", "cpu")
    load_predictor(checkpoint)
    assert asked == [(checkpoint, "onnxruntime", "cpu"), (checkpoint, "torch", "auto")]
