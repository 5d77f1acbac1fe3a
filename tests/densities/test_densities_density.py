"""What every density promises, over all of them as `names()` finds them; naming, saving and loading."""

import json

import pytest
import safetensors.torch
import torch

from noiseless.densities import Gaussian, LatentDensity, build, describe, load, names, save
from noiseless.errors import InputError

torch.set_num_threads(1)
SHORT = {"second-stage": "second-stage:width=32,depth=1,steps=200,lr=0.003", "flow": "flow:hidden=16,steps=200"}
NAMES = sorted(SHORT.get(name, name) for name in names() if name != "pattern")  # which a model draws
FITTED = [name for name in NAMES if name not in ("normal", "laplace", "sphere", "cube", "target-mixture")]
EXACT = [name for name in NAMES if not name.startswith(("second-stage", "empirical", "sphere"))]


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def codes(n: int = 1500, seed: int = 0) -> torch.Tensor:
    """Two correlated blobs in the plane, float32 as codes are."""
    noise = torch.randn(n, 2, generator=draws(seed)) @ torch.tensor([[1.0, 0.6], [0.0, 0.5]])
    side = torch.arange(n).remainder(2).mul(2).sub(1).unsqueeze(1)
    return noise * 0.7 + side * torch.tensor([1.5, -0.5])


@pytest.fixture(scope="module")
def fitted() -> dict[str, LatentDensity]:
    return {name: build(name, 2).fit(codes(), draws(1)) for name in NAMES}


def log_prob(density: LatentDensity, z: torch.Tensor) -> torch.Tensor:
    return torch.cat([density.log_prob(part) for part in z.split(10_000)])


@pytest.mark.parametrize("name", NAMES)
def test_densities_are_called_with_what_torch_takes(fitted, name):
    density = fitted[name]
    if name in EXACT:
        z = codes(5)
        expected = density.log_prob(z)
        assert torch.equal(density.log_prob(z.numpy()), expected)
        assert torch.allclose(density.log_prob(z.tolist()), expected)
        with pytest.raises(InputError, match=r"codes must have shape \(n, 2\), not \(2,\)"):
            density.log_prob(z[0])
        with pytest.raises(InputError, match=r"codes are a object; expected a tensor or an array of shape \(n, 2\)"):
            density.log_prob(object())
    for given, said in ((), "no generator"), ((0,), "a int as the generator"):
        with pytest.raises(InputError, match=rf"sample\(3\) was called with {said}; give one.*manual_seed\(0\)\)"):
            density.sample(3, *given)
    with pytest.raises(InputError, match="0 samples were asked for"):
        density.sample(0, draws(0))


def test_densities_are_fitted_to_arrays():
    fitted_to = [build("gaussian", 2).fit(z, draws(1)) for z in (codes(), codes().numpy())]
    assert torch.equal(*(density.mean for density in fitted_to))
    with pytest.raises(InputError, match=r"fit\(z\) was called with no generator"):
        build("gaussian", 2).fit(codes())


@pytest.mark.parametrize("name", EXACT)
def test_density_integrates_to_one(fitted, name):
    edges = torch.linspace(-12, 12, 481, dtype=torch.float64)
    grid = torch.cartesian_prod(edges, edges)
    mass = log_prob(fitted[name], grid).exp().sum() * (edges[1] - edges[0]) ** 2
    assert mass == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("name", EXACT)
def test_draws_follow_the_density(fitted, name):
    """Moments of 20,000 draws against moments of the density on a grid; standard errors are below 0.02."""
    edges = torch.linspace(-12, 12, 241, dtype=torch.float64)
    grid = torch.cartesian_prod(edges, edges)
    mass = log_prob(fitted[name], grid).exp()
    mass = mass / mass.sum()
    mean = mass @ grid
    covariance = (grid - mean).T @ ((grid - mean) * mass[:, None])
    z = fitted[name].sample(20_000, draws(2)).double()
    assert torch.allclose(z.mean(dim=0), mean, atol=0.06)
    assert torch.allclose(z.T.cov(), covariance, atol=0.12)


@pytest.mark.parametrize("name", NAMES)
def test_draws_depend_on_the_seed_alone(fitted, name):
    first, again, other = (fitted[name].sample(64, draws(seed)) for seed in (3, 3, 4))
    assert first.dtype == torch.float32
    assert first.shape == (64, 2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("name", NAMES)
def test_fit_depends_on_the_seed_alone(fitted, name):
    again = build(name, 2).fit(codes(), draws(1)).state_dict()
    assert all(torch.equal(again[key], value) for key, value in fitted[name].state_dict().items())


@pytest.mark.parametrize("name", NAMES)
def test_draws_are_in_random_order(fitted, name):
    """Neighbours in a sample are uncorrelated; a sample sorted by component would have them correlated."""
    z = fitted[name].sample(4000, draws(5)).double()
    z = (z - z.mean(dim=0)) / z.std(dim=0)
    assert (z[1:] * z[:-1]).mean().abs() < 0.06
    assert (z[:2000].mean(dim=0) - z[2000:].mean(dim=0)).abs().max() < 0.15


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_density_is_the_same(fitted, name, tmp_path):
    path = tmp_path / f"{name}.safetensors"
    save(fitted[name], path, name=name, codes="mean")
    back = load(path)
    assert torch.equal(back.sample(50, draws(6)), fitted[name].sample(50, draws(6)))
    if name in EXACT:
        assert torch.equal(back.log_prob(codes(50)), fitted[name].log_prob(codes(50)))
    assert back.note == fitted[name].note
    about = describe(path)
    assert (about["name"], about["dim"], about["codes"], about["n"]) == (name, 2, "mean", 1500)


@pytest.mark.parametrize("name", NAMES)
def test_bad_codes_are_refused(name):
    z = codes(20)
    z[3, 1] = float("nan")
    z[7] = float("inf")
    with pytest.raises(InputError, match="2 of 20 codes are not finite"):
        build(name, 2).fit(z, draws(0))
    with pytest.raises(InputError, match=r"shape \(n, 3\), not \(20, 2\)"):
        build(name, 3).fit(codes(20), draws(0))
    with pytest.raises(InputError, match="at least 2 codes, not 1"):
        build(name, 2).fit(codes(1), draws(0))


@pytest.mark.parametrize("name", NAMES)
def test_ill_conditioned_codes_give_usable_draws_without_a_warning(name):
    """Float32 codes with standard deviations from 1e-4 to 1e3, two of them nearly proportional, one constant."""
    z = torch.randn(400, 6, generator=draws(7)) * torch.tensor([1e-4, 1e-2, 1.0, 30.0, 1e3, 0.0])
    z[:, 2] = z[:, 3] * 0.1 + 1e-5 * z[:, 2]
    density = build(name, 6).fit(z, draws(8))
    sample = density.sample(500, draws(9))
    assert sample.isfinite().all()
    if name in FITTED:
        assert density.note
        assert torch.allclose(sample[:, 3:5].std(dim=0), z[:, 3:5].std(dim=0), rtol=0.2)


@pytest.mark.parametrize("name", FITTED)
def test_sampling_before_the_fit_is_refused(name):
    with pytest.raises(InputError, match="has not been fitted"):
        build(name, 2).sample(3, draws(0))


def test_names_have_a_line_each():
    assert {"normal", "gaussian", "gmm", "gmm-bayes"} <= set(names())
    assert all(line.endswith(".") for line in names().values())


def test_options_are_part_of_the_name(tmp_path):
    assert len(build("gmm:3", 2).weights) == len(build("gmm:components=3", 2).weights) == 3
    density = build("gmm:3", 2).fit(codes(50), draws(0))
    save(density, tmp_path / "d", name="gmm:3", codes="sample")
    assert torch.equal(load(tmp_path / "d").means, density.means)
    with pytest.raises(InputError, match="'gmm' does not name the Mixture"):
        save(density, tmp_path / "e", name="gmm", codes="sample")
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gmn", "unknown density 'gmn' .did you mean 'gmm'"),
        ("gmm:many", "option 'components' of density 'gmm' must be int, not 'many'"),
        ("gmm:", "must be int, not ''"),
        ("gmm:3,4", "takes 1 options"),
        ("gmm:component=3", "did you mean 'components'"),
        ("gmm:0", "at least 1 component"),
        ("normal:3", "takes no options, and was given '3'"),
    ],
)
def test_wrong_names_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        build(name, 2)


def test_save_refuses_what_it_could_not_describe(fitted, tmp_path):
    with pytest.raises(InputError, match="unknown kind of codes 'means'"):
        save(fitted["normal"], tmp_path / "d", name="normal", codes="means")
    with pytest.raises(InputError, match="has not been fitted"):
        save(build("gmm", 2), tmp_path / "d", name="gmm", codes="mean")


def test_corrupt_and_foreign_files_are_named(fitted, tmp_path):
    path = tmp_path / "density.safetensors"
    with pytest.raises(InputError, match=r"density.safetensors does not exist"):
        load(path)
    save(fitted["gmm"], path, name="gmm", codes="mean")
    whole, about = path.read_bytes(), describe(path)
    for broken in (b"", whole[:40], whole[:-8], b"\x80\x04pickle"):
        path.write_bytes(broken)
        with pytest.raises(InputError, match=r"density.safetensors cannot be read as a density"):
            load(path)
    path.write_bytes(safetensors.torch.save({"w": torch.zeros(2)}))
    with pytest.raises(InputError, match=r"density.safetensors is not a density in the format"):
        load(path)
    state = fitted["gmm"].state_dict()
    for change, message in (
        ({"dim": "2"}, "metadata are damaged"),
        ({"format": "noiseless-density-9"}, "is not a density in the format"),
        ({"dim": 3}, "does not hold the density 'gmm'"),
        ({"name": "gaussian"}, "does not hold the density 'gaussian'"),
        ({"name": "os.system"}, "unknown density"),
    ):
        path.write_bytes(safetensors.torch.save(state, metadata={"noiseless": json.dumps(about | change)}))
        with pytest.raises(InputError, match=message):
            load(path)


class Kept(Gaussian):
    """A Gaussian that keeps its codes, in a buffer that has no rows before the fit."""

    kept: torch.Tensor

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.register_buffer("kept", torch.zeros(0, dim))

    def fit(self, z: torch.Tensor, generator: torch.Generator) -> "Kept":
        super().fit(z, generator)
        self.kept = z
        return self


def test_a_buffer_without_rows_gets_its_rows_in_the_fit(tmp_path):
    z = codes(50)
    save(Kept(2).fit(z, draws(0)), tmp_path / "d", name=Kept, codes="mean")
    assert torch.equal(load(tmp_path / "d", own=Kept).kept, z)
    other = Kept(2).fit(z, draws(0))
    other.kept = z[:, :1]
    with pytest.raises(InputError, match="does not name the Kept"):
        save(other, tmp_path / "e", name=Kept, codes="mean")
