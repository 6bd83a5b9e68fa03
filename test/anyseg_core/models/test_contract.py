"""The contract that every model keeps, whatever its name."""

from __future__ import annotations

import warnings
from itertools import combinations

import pytest
import torch
from torch import nn

from anyseg_core.classes import DELIVER, ClassSet
from anyseg_core.errors import ConfigurationError, RecordError
from anyseg_core.models import (
    MODELS,
    add_modality,
    build_model,
    load_checkpoint,
    save_checkpoint,
)
from anyseg_core.normalisation import Normalisation
from anyseg_core.types import MODALITIES

SUBSETS = [c for n in range(1, 5) for c in combinations(MODALITIES, n)]
MULTI = [name for name in MODELS if name != "segformer"]
# Millions of parameters with MiT-B2, 25 classes and four modalities, where published.
PUBLISHED = {"any2seg": 24.73, "cmnext": 58.73}
# Exact counts with MiT-B2, 25 classes; the encoder alone has 24,196,288.
COUNTS = {
    "any2seg": 24_728_537,
    "charm": 40_911_865,
    "cmnext": 58_732_125,
    "mean_fusion": 24_728_537,
    "segformer": 24_728_537,
}


class LowLogits(nn.Module):
    """What is exported: a dictionary of images in, logits at stride 4 and weights out."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        output = self.model.segment_low(images)
        return output.logits, output.weights


class Stacked(nn.Module):
    """The same with one argument per modality, as ONNX wants it."""

    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *images):
        output = self.model.segment_low(dict(zip(self.names, images, strict=True)))
        return output.logits, *(output.weights[name] for name in self.names)


def modalities_of(model):
    return model.spec.modalities


@pytest.mark.parametrize("name", MODELS)
class TestContract:
    def test_parameters_are_as_many_as_published(self, name):
        modalities = MODALITIES if name in MULTI else ("rgb",)
        with torch.device("meta"):
            model = build_model(name, "mit_b2", 25, modalities)
        count = sum(parameter.numel() for parameter in model.parameters())
        assert count == COUNTS[name]
        assert sum(p.numel() for p in model.encoder.parameters()) == 24_196_288
        if name in PUBLISHED:
            assert round(count / 1e6, 2) == PUBLISHED[name]

    def test_every_subset_gives_finite_logits_and_a_weight_for_each_present(
        self, name, make_model, make_images
    ):
        model = make_model(name)
        for subset in SUBSETS if name in MULTI else [("rgb",)]:
            with torch.inference_mode():
                output = model(make_images(subset))
            assert output.logits.shape == (1, 5, 64, 64)
            assert output.logits.isfinite().all()
            assert list(output.weights) == list(subset)
            assert all(weight.shape == (1,) for weight in output.weights.values())

    def test_the_order_of_modalities_does_not_matter(self, name, make_model, make_images):
        model = make_model(name)
        images = make_images(modalities_of(model))
        with torch.inference_mode():
            forwards = model(images)
            backwards = model(dict(reversed(images.items())))
        assert torch.equal(forwards.logits, backwards.logits)
        for modality in images:
            assert torch.equal(forwards.weights[modality], backwards.weights[modality])

    def test_every_present_modality_changes_the_result(self, name, make_model, make_images):
        model = make_model(name)
        images = make_images(modalities_of(model))
        with torch.inference_mode():
            before = model(images).logits
            for modality in images:
                changed = images | {modality: images[modality].flip(3)}
                assert not torch.allclose(model(changed).logits, before)

    def test_a_missing_modality_is_left_out_and_not_zeroed(self, name, make_model, make_images):
        if name not in MULTI:
            pytest.skip("takes one modality")
        if name == "cmnext":
            pytest.skip("computes every stream always; test_cmnext tells what it does instead")
        model = make_model(name)
        present = make_images(("rgb", "lidar"))
        zeroed = present | {"depth": torch.zeros(1, 3, 64, 64)}
        alone = make_model(name, modalities=("rgb", "lidar"))
        weights = {k: v for k, v in model.state_dict().items() if k in alone.state_dict()}
        alone.load_state_dict(weights)
        with torch.inference_mode():
            assert not torch.allclose(model(present).logits, model(zeroed).logits, atol=1e-5)
            # A model that never heard of the missing ones gives the same.
            torch.testing.assert_close(model(present).logits, alone(present).logits)

    @pytest.mark.parametrize("size", [(37, 61), (64, 97), (65, 33)])
    def test_odd_sizes_keep_their_size(self, name, size, make_model, make_images):
        model = make_model(name)
        with torch.inference_mode():
            images = make_images(modalities_of(model), size=size)
            low = model.segment_low(images).logits
            assert low.shape[2:] == (-(-size[0] // 4), -(-size[1] // 4))
            assert model(images).logits.shape == (1, 5, *size)

    def test_a_sample_does_not_depend_on_its_batch(self, name, make_model, make_images):
        model = make_model(name)
        images = make_images(modalities_of(model), batch=3)
        with torch.inference_mode():
            together = model(images)
            alone = model({key: image[1:2] for key, image in images.items()})
        torch.testing.assert_close(together.logits[1:2], alone.logits, rtol=1e-4, atol=1e-4)
        for modality in images:
            torch.testing.assert_close(together.weights[modality][1:2], alone.weights[modality])

    def test_gradients_reach_every_parameter(self, name, make_model, make_images):
        model = make_model(name, drop_path=0.0).train()
        # Large enough for CHARM to draw each modality somewhere, also at the coarsest scale.
        images = make_images(modalities_of(model), batch=2, size=(96, 128))
        labels = torch.randint(0, 5, (2, 96, 128))
        terms = model.losses(model(images), labels)
        sum(terms.values()).backward()
        for key, parameter in model.named_parameters():
            assert parameter.grad is not None, key
            assert parameter.grad.isfinite().all(), key
            # A bias before a normalisation over it has, and keeps, no influence.
            if not key.endswith("bias"):
                assert parameter.grad.abs().sum() > 0, key

    def test_two_steps_of_training_lower_the_loss(self, name, make_model, make_images):
        model = make_model(name, drop_path=0.0, dropout=0.0).train()
        images = make_images(modalities_of(model), batch=2)
        labels = torch.randint(0, 5, (2, 64, 64), generator=torch.Generator().manual_seed(1))
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
        totals = []
        for step in range(4):
            torch.manual_seed(step)
            total = sum(model.losses(model(images), labels).values())
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
            totals.append(total.item())
        assert totals[-1] < totals[0]

    def test_pixels_without_a_class_carry_no_loss(self, name, make_model, make_images):
        model = make_model(name).train()
        images = make_images(modalities_of(model), batch=2)
        labels = torch.full((2, 64, 64), 255, dtype=torch.uint8)
        terms = model.losses(model(images), labels)
        assert all(term.item() == 0.0 for term in terms.values())

    def test_a_seed_fixes_weights_and_results(self, name, make_model, make_images):
        images = make_images(modalities_of(make_model(name)))
        results = []
        for seed in (7, 7, 8):
            model = make_model(name, seed=seed).train()
            torch.manual_seed(seed)
            results.append(model(images).logits.detach())
        assert torch.equal(results[0], results[1])
        assert not torch.allclose(results[0], results[2])

    def test_a_checkpoint_gives_the_same_model_back(self, name, tmp_path, make_model, make_images):
        model = make_model(name)
        modalities = modalities_of(model)
        classes = ClassSet(DELIVER.names[:5], DELIVER.colours[:5])
        saved = save_checkpoint(
            model,
            tmp_path / "model.safetensors",
            classes=classes,
            input_size=(64, 96),
            normalisation=dict.fromkeys(modalities, Normalisation((0, 0, 0), (1, 1, 1))),
            training_data="none",
            recipe={},
            scores={},
            licence="Apache-2.0",
        )
        loaded, card = load_checkpoint(tmp_path / "model.safetensors")
        images = make_images(modalities)
        assert card.sha256 == saved.sha256
        assert card.classes == classes
        assert not loaded.training
        with torch.inference_mode():
            assert torch.equal(loaded(images).logits, model(images).logits)

    def test_half_precision_stays_near_single(self, name, make_model, make_images):
        model = make_model(name)
        images = make_images(modalities_of(model))
        with torch.inference_mode():
            exact = model(images)
            half = model.bfloat16()({key: image.bfloat16() for key, image in images.items()})
        assert half.logits.dtype == torch.bfloat16
        assert half.logits.isfinite().all()
        deviation = (half.logits.float() - exact.logits).abs().mean()
        assert deviation < 0.1 * exact.logits.abs().mean()
        assert all(weight.dtype == torch.float32 for weight in half.weights.values())

    def test_automatic_mixed_precision_trains(self, name, make_model, make_images):
        model = make_model(name).train()
        images = make_images(modalities_of(model), batch=2)
        labels = torch.randint(0, 5, (2, 64, 64))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            terms = model.losses(model(images), labels)
        sum(terms.values()).backward()
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        assert all(grad.isfinite().all() for grad in grads)

    def test_torch_export_keeps_the_logits(self, name, make_model, make_images):
        if name not in MULTI:
            pytest.skip("the same class as mean_fusion")
        model = make_model(name)
        images = make_images(("rgb", "lidar"), size=(50, 70))
        with torch.no_grad():
            program = torch.export.export(LowLogits(model).eval(), (images,))
            logits, weights = program.module()(images)
            wanted = model.segment_low(images)
        torch.testing.assert_close(logits, wanted.logits, rtol=1e-4, atol=1e-4)
        assert set(weights) == set(images)

    def test_torch_compile_traces_it_in_one_graph(self, name, make_model, make_images):
        if name not in ("any2seg", "charm"):
            pytest.skip("slow to trace; the papers' two models hold the parts that matter")
        model = make_model(name)
        images = make_images(("rgb", "lidar"))
        # All but the C++ code itself, which takes half a minute a model: see test_compiled.py.
        compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
        with torch.no_grad():
            torch.testing.assert_close(
                compiled(images).logits, model(images).logits, rtol=1e-4, atol=1e-4
            )
        torch.compiler.reset()

    def test_onnx_runtime_gives_the_same_for_a_fixed_subset(
        self, name, tmp_path, make_model, make_images
    ):
        onnxruntime = pytest.importorskip("onnxruntime", reason="runs the graph")
        if name == "segformer":
            pytest.skip("the same class as mean_fusion")
        model = make_model(name)
        subset = ("rgb", "lidar")
        images = make_images(subset, size=(50, 70))
        path = tmp_path / "network.onnx"
        graph = Stacked(model, subset).eval()
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracer's, about sizes that stay the same
            torch.onnx.export(
                graph,
                tuple(images.values()),
                path,
                dynamo=False,
                opset_version=17,
                input_names=list(subset),
            )
            wanted = model.segment_low(images)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        feed = {key: image.numpy() for key, image in images.items()}
        logits, *weights = (torch.from_numpy(out) for out in session.run(None, feed))
        torch.testing.assert_close(logits, wanted.logits, rtol=1e-3, atol=1e-3)
        for got, modality in zip(weights, subset, strict=True):
            torch.testing.assert_close(
                got.reshape(-1), wanted.weights[modality], rtol=1e-3, atol=1e-3
            )

    @pytest.mark.parametrize(
        "modalities", [("rgb", "aolp", "dolp", "nir"), ("rgb", "event", "lidar")]
    )
    def test_the_modalities_of_mcubes_and_muses_work(
        self, name, modalities, make_model, make_images
    ):
        modalities = modalities if name in MULTI else modalities[-1:]
        model = make_model(name, modalities=modalities, num_classes=20)
        with torch.inference_mode():
            assert model(make_images(modalities)).logits.shape == (1, 20, 64, 64)
            assert model(make_images(modalities[-1:])).logits.isfinite().all()

    def test_a_modality_added_to_a_trained_model_leaves_the_others_as_they_were(
        self, name, make_model, make_images
    ):
        if name not in MULTI:
            pytest.skip("takes one modality")
        model = make_model(name, modalities=("rgb", "depth"))
        grown = add_modality(model, "thermal", like="depth")
        images = make_images(("rgb", "depth"))
        with torch.inference_mode():
            assert grown.spec.modalities == ("rgb", "depth", "thermal")
            if name != "cmnext":  # whose missing modality is a stream of zeros
                assert torch.equal(grown(images).logits, model(images).logits)
                as_thermal = grown({"thermal": images["depth"]}).logits
                assert torch.equal(as_thermal, model({"depth": images["depth"]}).logits)
            grown(images | {"thermal": images["rgb"]})
        for parameter in grown.parameters():
            parameter.data.zero_()
        assert any(parameter.any() for parameter in model.parameters())

    def test_what_cannot_be_segmented_is_refused_with_a_reason(self, name, make_model, make_images):
        model = make_model(name)
        rgb = make_images(("rgb",))["rgb"]
        with pytest.raises(ConfigurationError, match="at least one"):
            model({})
        with pytest.raises(ConfigurationError, match="remove thermal"):
            model({"rgb": rgb, "thermal": rgb})
        with pytest.raises(RecordError, match="floating-point"):
            model({"rgb": rgb.to(torch.uint8)})
        with pytest.raises(RecordError, match="B x 3 x H x W"):
            model({"rgb": rgb[:, :1]})
        with pytest.raises(RecordError, match="B x 3 x H x W"):
            model({"rgb": rgb[0]})
        with pytest.raises(RecordError, match="at least 32"):
            model({"rgb": rgb[:, :, :31]})

    def test_shapes_that_differ_between_modalities_are_refused(self, name, make_model, make_images):
        if name not in MULTI:
            pytest.skip("takes one modality")
        images = make_images(("rgb", "depth"), batch=2)
        with pytest.raises(RecordError, match="one image plane and batch size"):
            make_model(name)(images | {"depth": images["depth"][:1]})
