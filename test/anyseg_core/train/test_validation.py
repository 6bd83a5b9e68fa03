import numpy as np
import pytest
import torch

from anyseg_core.data import normalised
from anyseg_core.models import build_model
from anyseg_core.train.batches import Place
from anyseg_core.train.recipe_parts import EvaluationRecipe
from anyseg_core.train.validation import validate

ALONE = Place()


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = build_model("mean_fusion", "mit_b0", 4, ("rgb", "depth"), head_width=8)
    torch.nn.init.normal_(model.head.classifier.weight, std=3.0)
    return model


def _validated(model, dataset, recipe, place=ALONE, add_up=lambda x: x):
    return validate(
        model, dataset, recipe, singles=recipe.singles_every > 0, place=place,
        device=torch.device("cpu"), add_up=add_up,
    )  # fmt: skip


def _slow_miou(model, dataset, names):
    hit, union = np.zeros(4), np.zeros(4)
    for i in range(len(dataset)):
        inputs = normalised(dataset[i], dataset.normalisation)
        with torch.no_grad():
            logits = model.eval()({n: torch.from_numpy(inputs[n])[None] for n in names}).logits
        said, truth = logits[0].argmax(0).numpy(), dataset[i].labels
        for k in range(4):
            hit[k] += ((said == k) & (truth == k)).sum()
            union[k] += ((said == k) | (truth == k)).sum()
    return (hit[union > 0] / union[union > 0]).mean()


def test_scores_agree_with_a_slow_count_over_all_and_each_modality(model, splits):
    validation = splits("rgb", "depth")[1]
    result = _validated(model, validation, EvaluationRecipe(singles_every=1, best_by="mean"))
    assert set(result.miou) == {"rgb+depth", "rgb", "depth"}
    for name, value in result.miou.items():
        assert value == pytest.approx(_slow_miou(model, validation, name.split("+")), abs=1e-9)
    assert result.best_by == pytest.approx(np.mean(list(result.miou.values())))
    assert len(set(result.miou.values())) > 1


def test_the_best_is_by_all_modalities_unless_the_mean_is_asked_for(model, splits):
    validation = splits("rgb", "depth")[1]
    result = _validated(model, validation, EvaluationRecipe())
    assert result.best_by == result.miou["rgb+depth"]
    assert model.training


def test_shares_of_two_devices_add_up_to_the_whole(model, splits):
    validation = splits("rgb", "depth")[1]
    counts = []

    def first(x):
        counts.append(x.clone())
        return x

    whole = _validated(model, validation, EvaluationRecipe(), add_up=first)
    _validated(model, validation, EvaluationRecipe(), Place(0, 2), first)
    joined = _validated(model, validation, EvaluationRecipe(), Place(1, 2), lambda x: x + counts[1])
    assert joined == whole
    assert counts[1].sum() == 2 * 32 * 48


def test_a_size_resizes_inputs_and_labels_and_samples_thin_the_split_out(model, splits):
    seen = []

    def note(x):
        seen.append(int(x.sum()))
        return x

    recipe = EvaluationRecipe(size=(64, 32), samples=2)
    _validated(model, splits("rgb", "depth")[1], recipe, add_up=note)
    assert seen == [2 * 64 * 32]
