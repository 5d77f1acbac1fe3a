"""Published defaults, as the authors' configurations have them, in the units of the paper."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from noiseless.autoencoder import Networks
from noiseless.errors import InputError
from noiseless.objectives.penalties import penalty as penalties
from noiseless.objectives.penalties.gradient import JacobianNorm, SquaredOutputGradient
from noiseless.recipes.method import Method, call, find, names
from noiseless.recipes.rae import JACOBIAN_WEIGHT, PUBLISHED
from noiseless.training.settings import Optimiser
from noiseless.values import Spec
from tiny import method

MNIST32, MNIST = Spec("mnist", (1, 32, 32)), Spec("mnist", (1, 28, 28))
CIFAR, CELEBA = Spec("cifar10", (3, 32, 32)), Spec("celeba", (3, 64, 64))

# method: (beta, lambda) on images as the paper feeds them, N = 1024, 3072, 12288 and d = 16, 128, 64
TABLE: dict[str, dict[str, tuple[float, float]]] = {
    "mnist": {
        "ae": (0, 0),
        "ae-l2": (0, 1.024e-4),
        "rae": (0.064, 0),
        "rae-l2": (0.0128, 1.024e-4),
        "rae-gp": (0.0128, 0),
        "rae-sn": (1.152, 0),
    },
    "cifar10": {
        "ae": (0, 0),
        "ae-l2": (0, 3.072e-3),
        "rae": (0.48, 0),
        "rae-l2": (0.048, 3.072e-3),
        "rae-gp": (0.0432, 0),
        "rae-sn": (1.44, 0),
    },
    "celeba": {
        "ae": (0, 0),
        "ae-l2": (0, 1.2288e-2),
        "rae": (0.0384, 0),
        "rae-l2": (0.0384, 1.2288e-3),
        "rae-gp": (0.0384, 0),
        "rae-sn": (0.9216, 0),
    },
}
SPECS = {"mnist": MNIST32, "cifar10": CIFAR, "celeba": CELEBA}
LATENT, RATE = {"mnist": 16, "cifar10": 128, "celeba": 64}, {"mnist": 5e-4, "cifar10": 5e-4, "celeba": 1e-3}
EPOCHS = {"mnist": 100, "cifar10": 100, "celeba": 70}
OTHER_EPOCHS = {("cifar10", "rae-gp"): 70, ("celeba", "ae-l2"): 100}


def build(name: str, spec: Spec, **arguments: Any) -> Method:
    return names()[name](spec, arguments.pop("networks", Networks(width=1)), **arguments)


def weight(method: Method, term: str) -> float:
    found = method.objective.terms.get(term)
    return found.weight if found is not None else 0.0


@pytest.mark.parametrize(("data", "name"), [(data, name) for data in TABLE for name in TABLE[data]])
def test_defaults_are_the_published_ones_converted(data: str, name: str) -> None:
    made = build(name, SPECS[data])
    beta, decay = TABLE[data][name]
    assert weight(made, "code") == pytest.approx(beta, rel=1e-9)
    assert weight(made, "decoder") == pytest.approx(decay, rel=1e-9)
    assert made.objective.autoencoder.latent_dim == LATENT[data]
    (phase,) = made.objective.phases()
    optimiser = phase.optimiser(phase.parameters)
    assert isinstance(optimiser, torch.optim.Adam)
    assert optimiser.param_groups[0]["lr"] == RATE[data]
    assert made.training.epochs == OTHER_EPOCHS.get((data, name), EPOCHS[data])
    assert (made.training.batch, made.training.schedule) == (100, "plateau")
    assert made.densities[0] == "gmm"


def test_every_recipe_of_the_paper_is_in_the_table() -> None:
    assert {name for name in names() if names()[name].__module__.endswith(".rae")} == TABLE["mnist"].keys()
    assert all(setting.methods.keys() == TABLE["mnist"].keys() for setting in PUBLISHED.values())


def test_weights_follow_the_padded_image_and_the_code_s_size() -> None:
    assert weight(build("rae-l2", MNIST), "code") == pytest.approx(2 * 1024 * 1e-4 / 16)
    assert weight(build("rae-l2", MNIST), "decoder") == pytest.approx(1024 * 1e-7)
    small = build("rae-l2", MNIST, networks=Networks(latent_dim=4, width=1))
    assert weight(small, "code") == pytest.approx(2 * 1024 * 1e-4 / 4)
    assert weight(build("wae-mmd", MNIST), "mmd") == pytest.approx(1024 * 0.03)
    assert weight(build("rae-l2", Spec("flat", (784,))), "decoder") == pytest.approx(784 * 1e-7)


@pytest.mark.parametrize("spec", [MNIST, MNIST32], ids=["28", "32"])
def test_loss_is_the_authors_loss_times_the_pixels_of_32x32(spec: Spec) -> None:
    torch.manual_seed(0)
    made = build("rae-l2", spec, decay_over="kernels")
    model = made.objective.autoencoder
    from noiseless.values import Batch

    trace = model.eval()(Batch(torch.rand(4, *spec.shape), torch.arange(4)))
    kernels = sum(p.square().sum() for p in model.decoder.parameters() if p.ndim == 4)
    border = [(32 - spec.shape[-1]) // 2] * 4
    errors = nn.functional.pad(trace.x - trace.y, border).square()
    theirs = errors.mean() + 1e-4 * trace.z.square().mean() + 1e-7 * kernels
    ours = sum(made.objective.loss(trace.batch).values())
    torch.testing.assert_close(ours, 1024 * theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("spec", "shipped"), [(MNIST32, 0.5e-7), (CELEBA, 1e-7)], ids=["mnist", "celeba"])
def test_gradient_penalty_has_two_forms_by_name(spec: Spec, shipped: float) -> None:
    paper, code = build("rae-gp", spec), build("rae-gp", spec, form="code")
    assert isinstance(paper.objective.terms["gradient"].penalty, JacobianNorm)
    assert weight(paper, "gradient") == pytest.approx(JACOBIAN_WEIGHT * spec.size)
    assert any("chosen by this library" in note for note in paper.notes)
    assert isinstance(code.objective.terms["gradient"].penalty, SquaredOutputGradient)
    assert weight(code, "gradient") == pytest.approx(shipped * spec.size)


def test_cifar10_s_shipped_zero_is_no_default() -> None:
    with pytest.raises(InputError, match="gradient="):
        build("rae-gp", CIFAR, form="code")
    assert weight(build("rae-gp", CIFAR, form="code", gradient=0.5), "gradient") == 0.5


def test_spectral_normalisation_is_on_every_layer() -> None:
    from torch import nn
    from torch.nn.utils.parametrize import is_parametrized

    made = build("rae-sn", CIFAR).objective
    layers = [m for m in made.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
    assert len(layers) == 9
    assert all(is_parametrized(layer) for layer in layers)
    assert not any(is_parametrized(m) for m in build("rae", CIFAR).objective.modules())


@pytest.mark.parametrize(
    ("spec", "nearest"),
    [
        (Spec("fashion-mnist", (1, 28, 28)), "mnist"),
        (Spec("own", (1, 64, 64)), "mnist"),
        (Spec("own", (3, 48, 48)), "cifar10"),
        (Spec("own", (3, 49, 20)), "celeba"),
        (Spec("own", (40,)), "mnist"),
    ],
    ids=str,
)
def test_other_data_take_the_nearest_constants(spec: Spec, nearest: str) -> None:
    made = build("rae", spec)
    assert made.objective.autoencoder.latent_dim == LATENT[nearest]
    assert made.training.epochs == EPOCHS[nearest]


def test_constants_of_another_data_set_on_request() -> None:
    assert build("rae", MNIST, constants="celeba").objective.autoencoder.latent_dim == 64
    assert build("ae", Spec("own", (5,))).objective.autoencoder.latent_dim == 5


@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_weights_that_are_no_weights_are_refused(weight: float) -> None:
    with pytest.raises(InputError, match="weight of a penalty"):
        build("rae", MNIST, beta=weight)
    with pytest.raises(InputError):
        Optimiser(lr=weight)


def test_lazy_penalty_needs_a_positive_interval() -> None:
    with pytest.raises(InputError, match="0 steps"):
        build("rae-gp", MNIST, every=0)


def test_recipes_are_found_by_name_and_strangers_get_the_nearest() -> None:
    assert find("rae-l2") is names()["rae-l2"]
    assert find("noiseless.recipes.rae:ae") is names()["ae"]
    with pytest.raises(InputError, match="did you mean 'rae-l2'"):
        find("rae-l3")


def test_the_same_seed_gives_the_same_weights() -> None:
    a, b = (method("rae", MNIST, seed=3).objective.state_dict() for _ in range(2))
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_a_method_names_a_density() -> None:
    made = method("ae", MNIST)
    with pytest.raises(InputError, match="at least one density"):
        Method(made.objective, densities=())


def test_a_recipe_without_annotations_is_rebuilt_by_its_defaults() -> None:
    def plain(spec, networks=Networks(), *, weight=0.1):  # type: ignore[no-untyped-def]
        return find("rae")(spec, networks, beta=weight)

    made = call(plain, MNIST, {"networks": {"width": 2, "latent_dim": 3}, "weight": 0.5}, seed=0)
    assert made.objective.autoencoder.latent_dim == 3  # type: ignore[attr-defined]


def test_a_single_penalty_is_refused_with_the_way_to_give_it() -> None:
    with pytest.raises(InputError, match=r"and must be several; give a tuple, such as penalty=\(it,\)"):
        penalties.build("code-norm@0.1")
