"""A model cut in two gives what it gives whole, for every subset of its modalities."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch

from anyseg_core.models.head_inference import fused_tokens, head_maps, logits_of_maps
from anyseg_core.models.separable import SeparableModel

NAMES = ("rgb", "depth", "event", "lidar")
# Without selection inside the encoder: an untrained encoder's maps are all equally near their mean.
KINDS = {
    "any2seg": ("any2seg", {}),
    "any2seg without re-weighting": ("any2seg", {"reweight": False}),
    "any2seg without the residual": ("any2seg", {"residual": False}),
    "any2seg, three iterations": ("any2seg", {"iterations": 3}),
    "any2seg-last": ("any2seg", {"fusion_level": "last", "selection": False}),
    "any2seg-every": ("any2seg", {"fusion_level": "every", "selection": False}),
    "charm": ("charm", {"window": 4}),
    "charm without MPU": ("charm", {"variant": "b"}),
    "charm between scales": ("charm", {"between_scales": True, "blocks": 1}),
    "mean_fusion": ("mean_fusion", {}),
}


@pytest.fixture(params=KINDS)
def model(request, make_model):
    name, options = KINDS[request.param]
    made = make_model(name, **options)
    assert isinstance(made, SeparableModel)
    # Normalisation that does something, and scores that differ.
    for part in made.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(part.running_mean, std=0.1)
            torch.nn.init.uniform_(part.running_var, 0.5, 2.0)
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            torch.nn.init.normal_(part.bias, std=0.1)
    torch.nn.init.normal_(made.head.classifier.weight, std=0.3)
    torch.nn.init.normal_(made.head.classifier.bias)
    return made


def test_the_two_halves_give_what_the_whole_gives_for_every_subset(model, make_images):
    images = make_images(NAMES, size=(50, 70))
    with torch.no_grad():
        alone = {name: model.branch(name, model.encode(image)) for name, image in images.items()}
        for count in range(1, 5):
            for names in combinations(NAMES, count):
                whole = model.segment_low({name: images[name] for name in names})
                parts = zip(*(alone[name] for name in names), strict=True)
                logits, weights = model.fuse(tuple(torch.cat(each) for each in parts))
                torch.testing.assert_close(logits, whole.logits, rtol=1e-3, atol=1e-3)
                assert list(whole.weights) == list(names)
                torch.testing.assert_close(
                    weights, torch.cat(list(whole.weights.values())), rtol=1e-4, atol=1e-5
                )


def test_features_of_all_at_once_are_those_of_each_alone(model, make_images):
    images = make_images(("rgb", "lidar"))
    with torch.no_grad():
        together = model.features(tuple(images), torch.cat(list(images.values())))
        alone = [model.branch(name, model.encode(image)) for name, image in images.items()]
    for got, *each in zip(together, *alone, strict=True):
        torch.testing.assert_close(got, torch.cat(each), rtol=1e-4, atol=1e-4)


def test_only_a_branch_tells_modalities_apart(model, make_images):
    (image,) = make_images(("rgb",)).values()
    with torch.no_grad():
        maps = model.encode(image)
        as_rgb, as_depth = (model.branch(name, maps) for name in ("rgb", "depth"))
    same = all(torch.equal(one, other) for one, other in zip(as_rgb, as_depth, strict=True))
    assert same != model.has_branches


def test_the_heads_tokens_in_inference_are_its_fused_map(model, make_images):
    (image,) = make_images(("rgb",), batch=2, size=(50, 70)).values()
    with torch.no_grad():
        scales = model.encoder(image)
        wanted = model.head.fuse_scales(scales)
        maps = head_maps(model.head, scales)
        torch.testing.assert_close(
            fused_tokens(maps).permute(0, 3, 1, 2), wanted, rtol=1e-4, atol=1e-4
        )
        torch.testing.assert_close(
            logits_of_maps(model.head, maps), model.head.classify(wanted), rtol=1e-4, atol=1e-3
        )
