from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from anyseg_core.errors import ConfigurationError
from anyseg_core.models import build_model
from anyseg_core.models.semantic_projection import (
    RobustnessEvaluator,
    SemanticProjector,
    fragility,
    robustness,
    weighted_sum,
)
from anyseg_core.models.windows import WindowGrid

NAMES = ("rgb", "depth", "event", "lidar")


def attend_by_name(block, semantic, contexts):
    """An MPU block as Eq. 3 has it: it knows whose context is whose, and makes keys and values."""
    attention = block.attention
    size = (semantic.shape[1], semantic.shape[2])
    grid = WindowGrid.of(size, attention.window, shifted=attention.shifted)

    def heads(rows, layer):
        windows = layer(grid.partition(rows))  # B x J x L x C
        return windows.unflatten(3, (attention.heads, -1)).transpose(2, 3)

    query = heads(block.norm_query(semantic), attention.query)
    keys, values = [], []
    for name, context in contexts.items():
        weight = attention.key_value[name].weight
        for part, found in zip(weight.chunk(2), (keys, values), strict=True):
            layer = functools.partial(torch.nn.functional.linear, weight=part)
            found.append(heads(block.norm_context(context), layer))
    scores = query @ torch.cat(keys, 3).mT / query.shape[-1] ** 0.5
    bias = attention.position_bias(grid, query.flatten(0, 1), len(contexts))
    shares = (scores + bias).softmax(-1)  # one sample: the bias is by window
    attended = (shares @ torch.cat(values, 3)).transpose(2, 3).flatten(3)
    semantic = semantic + attention.project(grid.merge(attended))
    hidden = torch.nn.functional.gelu(block.expand(block.norm_mlp(semantic)))
    return semantic + block.contract(hidden)


def segment_by_name(model, images):
    """CHARM with every part of a modality used where the paper names it, inside the fusion."""
    scales = {name: model.encoder(image) for name, image in images.items()}
    fused, shares = [], []
    for i, part in enumerate(model.scales):
        maps = {name: part.projectors[name](scales[name][i]) for name in images}
        scores = torch.stack([part.evaluator.score(each) for each in maps.values()]).softmax(0)
        shares.append(scores.mean((2, 3, 4)))
        query = sum(score * each for score, each in zip(scores, maps.values(), strict=True))
        semantic = query.permute(0, 2, 3, 1)
        rows = {name: each.permute(0, 2, 3, 1) for name, each in maps.items()}
        for block in part.blocks:
            semantic = attend_by_name(block, semantic, rows)
        fused.append(semantic.permute(0, 3, 1, 2))
    return model.head.classify(model.head.fuse_scales(fused)), torch.stack(shares).mean(0)


@pytest.mark.parametrize("names", [("event",), ("rgb", "lidar"), NAMES])
def test_what_is_made_of_each_modality_beforehand_is_what_the_fusion_would_make(
    names, make_model, make_images
):
    model = make_model("charm", window=4).double()
    for parameter in model.scales.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    images = {n: image.double() for n, image in make_images(names, batch=1, size=(64, 96)).items()}
    with torch.no_grad():
        wanted, weights = segment_by_name(model, images)
        whole = model.segment_low(images)
        logits, shares = model.fuse(model.features(names, torch.cat(list(images.values()))))
    torch.testing.assert_close(whole.logits, wanted)
    torch.testing.assert_close(logits, wanted)
    torch.testing.assert_close(torch.stack(list(whole.weights.values())), weights.float())
    torch.testing.assert_close(shares, weights[:, 0].float())


def test_scores_weighted_sum_and_sampling_are_the_papers():
    torch.manual_seed(0)
    semantics = torch.randn(4, 2, 5, 3, 4, dtype=torch.float64)
    evaluator = RobustnessEvaluator(5).double()
    with torch.no_grad():
        raw = torch.stack([evaluator(semantic) for semantic in semantics])
        rows = raw.permute(0, 1, 3, 4, 2)
        scores = robustness(rows)
        summed = weighted_sum(scores, semantics.permute(0, 1, 3, 4, 2))
    kernel = evaluator.score.weight.detach().numpy()[0, :, 0, 0]
    maps = semantics.numpy()
    products = np.einsum("c,mbchw->mbhw", kernel, maps)
    wanted = np.exp(products) / np.exp(products).sum(0)
    np.testing.assert_allclose(scores[..., 0], wanted)
    np.testing.assert_allclose(summed, np.einsum("mbhw,mbchw->bhwc", wanted, maps))  # Eq. 4
    means = wanted.mean(axis=(1, 2, 3))
    softmin = np.exp(-means) / np.exp(-means).sum()
    np.testing.assert_allclose(fragility(scores), softmin, rtol=1e-6)  # Eq. 5


def test_the_semantic_projector_is_three_depth_wise_convolutions_and_a_point_wise_one():
    projector = SemanticProjector(4)
    assert [layer.kernel_size[0] for layer in projector] == [11, 7, 3, 1]
    assert [layer.groups for layer in projector] == [4, 4, 4, 1]
    assert projector(torch.zeros(1, 4, 5, 6)).shape == (1, 4, 5, 6)


def test_fragile_modalities_are_drawn_more_often(make_model):
    scale = make_model("charm").scales[0]
    semantics = torch.arange(4.0).view(4, 1, 1, 1, 1).expand(4, 1, 2, 2, 32)
    scores = torch.tensor([0.9, 0.1, 0.0, 0.0]).view(4, 1, 1, 1, 1).expand(4, 1, 2, 2, 1)
    probabilities = fragility(scores)
    scale.blocks = torch.nn.ModuleList()  # without MPU, the mean of the two drawn shows them
    torch.manual_seed(0)
    read = (semantics, scores)
    drawn = torch.stack([scale.enhance(read, scores, None)[0, 0, 0, 0] for _ in range(3000)])
    expected = float((probabilities * torch.arange(4)).sum())
    assert drawn.mean().item() == pytest.approx(expected, abs=0.06)
    assert probabilities[0] < probabilities[1] < probabilities[2]


def test_training_reassembles_the_context_and_inference_sees_all_of_it(make_model, make_images):
    model = make_model("charm", variant="c", drop_path=0.0, dropout=0.0)
    images = make_images(NAMES, batch=2)
    seen = []
    attention = model.scales[1].blocks[0].attention
    attention.register_forward_hook(lambda _, arguments, __: seen.append(arguments[2]))
    with torch.no_grad():
        assert torch.equal(model(images).logits, model(images).logits)
        model.train()
        assert not torch.equal(model(images).logits, model(images).logits)
    assert seen[0] is None
    choice = seen[-1]
    assert choice.shape == (4, 2, 8, 8)
    assert torch.equal(choice.sum(0), torch.ones(2, 8, 8, dtype=torch.long))
    assert (choice.sum((1, 2, 3)) > 0).all()


def test_the_joint_loss_is_the_weighted_sum_of_two_cross_entropies(make_model, make_images):
    model = make_model("charm", col_weight=0.5, ine_weight=2.0).train()
    images = make_images(("rgb", "depth"), batch=2)
    labels = torch.randint(0, 5, (2, 64, 64))
    labels[0, :30] = 255
    output = model(images)
    terms = model.losses(output, labels)
    full = torch.nn.functional.interpolate(output.auxiliary["ine"], (64, 64), mode="bilinear")
    for term, weight, logits in ((terms["sup"], 0.5, output.logits), (terms["ine"], 2.0, full)):
        scores = logits.detach().numpy().astype(np.float64).transpose(0, 2, 3, 1)
        log_softmax = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
        labelled = np.argwhere(labels.numpy() != 255)
        losses = [-log_softmax[b, y, x, labels[b, y, x]] for b, y, x in labelled]  # Eq. 6
        assert term.item() == pytest.approx(weight * np.mean(losses), rel=1e-4)  # Eq. 7


@pytest.mark.parametrize(
    ("variant", "mpu", "ine"), [("b", 0, 0), ("c", 1, 0), ("d", 0, 1), ("e", 1, 1)]
)
def test_a_variant_has_the_parts_that_the_ablation_names(
    variant, mpu, ine, make_model, make_images
):
    model = make_model("charm", variant=variant).train()
    output = model(make_images(("rgb", "lidar"), batch=2))
    assert any("blocks" in key for key, _ in model.scales.named_parameters()) == bool(mpu)
    assert ("ine" in output.auxiliary) == bool(ine)
    assert model.eval()(make_images(("rgb", "lidar"))).auxiliary == {}


def test_variant_a_is_referred_to_mean_fusion():
    with pytest.raises(ConfigurationError, match="build mean_fusion"):
        build_model("charm", "mit_b0", variant="a")


@pytest.mark.parametrize("option", [{"window": 1}, {"blocks": 0}, {"modality_dropout": 1.0}])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(ConfigurationError, match=next(iter(option))):
        build_model("charm", "mit_b0", **option)


def test_weights_are_shares_of_the_modalities_present(make_model, make_images):
    model = make_model("charm")
    with torch.no_grad():
        weights = model(make_images(("rgb", "event", "lidar"), batch=2)).weights
    torch.testing.assert_close(sum(weights.values()), torch.ones(2))
    assert all((weight > 0).all() for weight in weights.values())


def test_modality_dropout_leaves_at_least_one_and_none_out_in_evaluation(make_model, make_images):
    model = make_model("charm", modality_dropout=0.7).train()
    images = make_images(NAMES, batch=1)
    torch.manual_seed(0)
    kept = []
    with torch.no_grad():
        kept = [tuple(model.segment_low(images).weights) for _ in range(12)]
    assert len(set(kept)) > 3
    assert all(kept)
    assert tuple(model.eval()(images).weights) == NAMES


def test_a_scale_can_pass_its_fused_map_on_to_the_next(make_model, make_images):
    images = make_images(NAMES, batch=2, size=(50, 70))
    model = make_model("charm", between_scales=True).train()
    output = model(images)
    sum(model.losses(output, torch.zeros(2, 50, 70, dtype=torch.long)).values()).backward()
    for parameter in model.between.parameters():
        assert parameter.grad.abs().sum() > 0
    with torch.no_grad():
        model.eval()
        before = model(images).logits
        for layer in model.between:
            layer.weight.mul_(2.0)
        assert not torch.allclose(model(images).logits, before)
