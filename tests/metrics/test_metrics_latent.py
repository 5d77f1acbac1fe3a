"""Numbers of codes: closed forms, the mean under the null, invariances, and what is not defined."""

from __future__ import annotations

import json
import math

import pytest
import torch
from scipy.special import hyp1f1

from noiseless.errors import InputError
from noiseless.metrics import measures
from noiseless.metrics.latent import active, draws, energy, latent_statistics, nac, normal_entropy, shape


def mean_distance(r: float, d: int) -> float:
    """E |a - Z| for |a| = r, by the elementary forms that d = 1 and 3 have, or by Kummer's function."""
    if d == 1:
        return math.sqrt(2 / math.pi) * math.exp(-(r**2) / 2) + r * math.erf(r / math.sqrt(2))
    if d == 3:
        return math.sqrt(2 / math.pi) * math.exp(-(r**2) / 2) + (r + 1 / r) * math.erf(r / math.sqrt(2))
    return math.sqrt(2) * math.gamma((d + 1) / 2) / math.gamma(d / 2) * float(hyp1f1(-0.5, d / 2, -(r**2) / 2))


def naive(z: torch.Tensor) -> float:
    n, d = z.shape
    to_normal = sum(mean_distance(float(a.norm()), d) for a in z) / n
    pairs = sum(float((z[i] - z[j]).norm()) for i in range(n) for j in range(n) if i != j)
    return 2 * to_normal - 2 * math.gamma((d + 1) / 2) / math.gamma(d / 2) - pairs / (n * (n - 1))


def rotation(d: int) -> torch.Tensor:
    return torch.linalg.qr(draws(d, d, 9)).Q


@pytest.mark.parametrize("d", [1, 2, 3, 16, 40])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 7.0])
def test_energy_against_its_definition(d: int, scale: float) -> None:
    z = draws(30, d, d) * scale + 0.1
    assert energy(z) == pytest.approx(naive(z), abs=1e-8)


def test_energy_of_many_codes_is_summed_in_blocks() -> None:
    z = draws(2500, 3, 0) + 0.5
    to_normal = sum(mean_distance(float(a.norm()), 3) for a in z) / len(z)
    expected = 2 * to_normal - 4 / math.sqrt(math.pi) - float(torch.pdist(z).mean())
    assert energy(z) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("d", [1, 4, 30])
def test_energy_is_zero_in_expectation_for_normal_draws(d: int) -> None:
    values = torch.tensor([energy(draws(25, d, seed)) for seed in range(400)])
    assert abs(float(values.mean())) < 3 * float(values.std()) / 400**0.5


@pytest.mark.parametrize("shift", [0.5, 2.0])
def test_energy_of_a_shifted_normal_law(shift: float) -> None:
    """In one dimension 2 sqrt(2) (g(m / sqrt 2) - g(0)), with g(a) the mean of |a - Z|."""
    expected = 2 * math.sqrt(2) * (mean_distance(shift / math.sqrt(2), 1) - mean_distance(0.0, 1))
    assert energy(draws(4000, 1, 1) + shift) == pytest.approx(expected, abs=0.12 * shift)


def test_energy_does_not_change_under_rotations_and_shape_under_affine_maps() -> None:
    z = draws(200, 5, 0).exp()
    assert energy(z @ rotation(5)) == pytest.approx(energy(z), abs=1e-9)
    mapped = z @ (rotation(5) * torch.tensor([1e-2, 1.0, 3.0, 10.0, 50.0]).double()) @ rotation(5) + 4
    assert shape(mapped) == pytest.approx(shape(z), abs=1e-8)


def test_shape_tells_normal_codes_from_others_whatever_their_moments() -> None:
    signs = draws(600, 3, 1).sign() * 3 + draws(600, 3, 2) / 2
    stretched = draws(600, 3, 0) * torch.tensor([0.01, 1.0, 30.0]).double() - 8
    normal, other = latent_statistics(stretched), latent_statistics(signs)
    assert normal["energy"] > 1
    assert abs(normal["shape"]) < 0.005 < 0.03 < other["shape"]


def test_shape_of_flat_codes_is_that_within_their_plane() -> None:
    plane = draws(300, 2, 3).exp()
    flat = torch.cat([plane, plane.sum(dim=1, keepdim=True), torch.full((300, 1), 7.0).double()], dim=1)
    assert shape(flat) == pytest.approx(shape(plane), abs=1e-8)
    assert shape(draws(6, 5, 0)) is None  # a simplex, whatever the distribution
    assert shape(draws(7, 5, 0)) is not None


def test_nac_of_known_covariances() -> None:
    c = torch.tensor([[4.0, 1.0, 0.0], [1.0, 1.0, -0.5], [0.0, -0.5, 1.0]]).double()
    white = torch.linalg.qr(draws(50, 3, 0) - draws(50, 3, 0).mean(0)).Q
    z = white @ torch.linalg.cholesky(c).T
    expected = (0.5 + 0.0 + 0.5) / 3
    assert nac(z, threshold=0.0) == pytest.approx(expected, abs=1e-12)
    assert nac(z * torch.tensor([1e3, -2.0, 0.1]).double(), threshold=0.0) == pytest.approx(expected, abs=1e-12)
    assert nac(z * 7 + 3) == pytest.approx(expected, abs=1e-12)


def test_nac_of_independent_dimensions_falls_with_n() -> None:
    for n in (100, 10_000):
        assert nac(draws(n, 20, n)) == pytest.approx(math.sqrt(2 / math.pi / n), rel=0.1)


def test_nac_looks_at_active_dimensions_alone() -> None:
    z = draws(100, 3, 0)
    idle = torch.stack([z[:, 0] * 1e-3, torch.full((100,), 2.0).double()], dim=1)
    assert nac(torch.cat([z, idle], dim=1)) == nac(z)
    assert nac(torch.cat([z[:, :1], idle], dim=1)) is None


def test_active_dimensions_are_those_that_vary() -> None:
    z = draws(1000, 4, 0) * torch.tensor([1.0, 0.2, 0.05, 0.0]).double() + 5
    assert active(z).tolist() == [True, True, False, False]
    assert active(z, threshold=0.0).tolist() == [True, True, True, False]
    with pytest.raises(InputError, match="threshold"):
        active(z, -1.0)


def test_entropy_beside_normal_draws() -> None:
    """The bias is larger than what two samples of one differ by; flat and clustered codes fall far below both."""
    n, d = 500, 16
    normal = [latent_statistics(draws(n, d, seed))["entropy"] for seed in (0, 1)]
    assert abs(normal[0] - normal[1]) < 0.3 < normal[0] - normal_entropy(d)
    flat = draws(n, d, 2) * (torch.arange(d) < 8)
    clusters = draws(5, d, 3).repeat(n // 5, 1) + 0.1 * draws(n, d, 4)
    for z in (flat, clusters):
        assert latent_statistics(z)["entropy"] < normal[1] - 5


@pytest.mark.parametrize("d", [1, 3, 60])
def test_a_portrait_can_be_written_whatever_the_codes(d: int) -> None:
    constant = torch.full((20, d), 1.5)
    varied = draws(20, d, 0).float()
    varied[:, 0] = 0.0
    for z in (constant, varied, draws(2, d, 0), draws(20, d, 0) * 1e6):
        row = latent_statistics(z)
        json.dumps(row, allow_nan=False)
        assert len(row["mean"]) == len(row["variance"]) == d
    assert latent_statistics(constant)["nac"] is latent_statistics(constant)["shape"] is None
    assert latent_statistics(constant)["active"] == 0


def test_what_is_no_set_of_codes_is_refused() -> None:
    broken = draws(4, 2, 0)
    broken[1, 0] = math.nan
    for z, message in ((draws(1, 2, 0), "at least 2"), (draws(3, 0, 0), "1 dimension"), (broken, "1 of 4 codes")):
        with pytest.raises(InputError, match=message):
            latent_statistics(z)


def test_codes_are_no_column_of_distances() -> None:
    assert not any("latent" in measure.__module__ for measure in measures())
