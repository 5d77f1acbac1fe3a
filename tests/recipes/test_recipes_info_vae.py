"""InfoVAE's limits: vae, wae-mmd with Gaussian codes, and a VAE of another weight."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from noiseless.errors import InputError
from noiseless.objectives.penalties.mmd import MMD
from noiseless.objectives.regularised import Regularised, Term
from noiseless.recipes.method import Method, names
from noiseless.training import Training, fit
from noiseless.training.settings import Optimiser
from noiseless.values import Batch, Noise, Spec
from tiny import FAST, NETWORKS, assert_same, images, method

MNIST, CIFAR = Spec("mnist", (1, 32, 32)), Spec("cifar10", (3, 32, 32))
DATA = images()


def trained(made: Method) -> dict[str, Tensor]:
    settings = Training(**FAST, steps=8, schedule="plateau", validate_every=4)
    return dict(fit(made.objective, DATA, settings, show=False).tensors())


def losses(made: Method) -> dict[str, Tensor]:
    batch = Batch(DATA.spec.normalise(torch.from_numpy(DATA.train.take(range(20)))), torch.arange(20), 0, Noise(3))
    return dict(made.objective.train().loss(batch))


@pytest.mark.parametrize("arguments", [{}, {"reconstruction": "bernoulli"}, {"beta": 0.7}])
def test_without_information_it_is_vae_to_the_bit(arguments: dict[str, Any]) -> None:
    info, plain = (method(name, DATA.spec, **more, **arguments) for name, more in (("info-vae", VAE), ("vae", {})))
    assert_same(trained(info), trained(plain))


VAE = {"alpha": 0.0, "weight": 1.0}


@pytest.mark.parametrize("kernel", ["imq", "rbf"])
def test_with_all_of_it_it_is_a_variational_wae_mmd_to_the_bit(kernel: Any) -> None:
    info = method("info-vae", DATA.spec, alpha=1.0, weight=30.0, beta=0.5, kernel=kernel)
    other = method("vae", DATA.spec)
    terms = {"mmd": Term(15.0, MMD(kernel), min_batch_size=2)}
    wae = Regularised(other.objective.autoencoder, other.objective.reconstruction, terms, other.objective.optimiser)
    assert_same(losses(info), losses(Method(wae)))
    assert_same(trained(info), trained(Method(wae)))


@pytest.mark.parametrize(("alpha", "weight"), [(-1.0, 2.0), (0.5, 0.5)])
def test_where_alpha_and_lambda_add_up_to_one_it_is_a_vae_of_another_weight(alpha: float, weight: float) -> None:
    info = method("info-vae", DATA.spec, alpha=alpha, weight=weight, beta=0.4)
    assert_same(losses(info), losses(method("vae", DATA.spec, beta=0.4 * (1 - alpha))))


def test_the_discrepancy_is_added_in_proportion() -> None:
    found = [losses(method("info-vae", DATA.spec, alpha=0.25, weight=w, beta=2.0)) for w in (1.0, 3.0)]
    assert found[0]["kl"] == found[1]["kl"]
    torch.testing.assert_close(found[1]["mmd"] / 4.5, found[0]["mmd"] / 0.5, rtol=1e-6, atol=0)
    plain = losses(method("vae", DATA.spec, beta=1.0))
    torch.testing.assert_close(found[0]["kl"], 1.5 * plain["kl"], rtol=1e-6, atol=0)


@pytest.mark.parametrize("spec", [MNIST, CIFAR], ids=lambda spec: spec.name)
@pytest.mark.parametrize("alpha", [1.0, 0.0])
def test_defaults_are_the_weights_of_vae_and_of_wae_mmd(spec: Spec, alpha: float) -> None:
    info, wae, vae = (names()[n](spec, NETWORKS, **k) for n, k in (("info-vae", {"alpha": alpha}), *OTHERS))
    assert info.objective.terms["mmd"].weight == wae.objective.terms["mmd"].weight
    assert info.objective.terms["kl"].weight == pytest.approx((1 - alpha) * vae.objective.terms["kl"].weight)
    assert info.training == vae.training
    assert info.objective.constants()["rate of autoencoder"] == vae.objective.constants()["rate of autoencoder"]
    assert "this library chose" in info.notes[0]
    assert names()["info-vae"](spec, NETWORKS, weight=2.0).notes == ()
    likely = names()["info-vae"](spec, NETWORKS, alpha=0.0, weight=1.0, reconstruction="bernoulli")
    assert likely.objective.terms["kl"].weight == 1
    assert likely.notes == ()


OTHERS: tuple[tuple[str, dict[str, Any]], ...] = (("wae-mmd", {}), ("vae", {}))


def test_negative_weights_are_refused() -> None:
    for arguments, sentence in (
        ({"alpha": 1.5}, "alpha is 1.5, but must be 1 or less"),
        ({"alpha": 0.0, "weight": 0.5}, "must add up to 1 or more"),
        ({"alpha": float("nan")}, "alpha is nan"),
    ):
        with pytest.raises(InputError, match=sentence):
            names()["info-vae"](MNIST, NETWORKS, Optimiser(), **arguments)
