r"""Mixtures of Gaussians with full covariances, the density with which Ghosh et al. sample all their models.

.. math:: p(z) = \sum_{k=1}^K \pi_k\, N(z; \mu_k, \Sigma_k), \qquad K = 10.

``gmm`` maximises the likelihood by EM, initialised by k-means (the official code's ``GMM_10``: at most 2,000
iterations, tolerance 1e-3 on the mean log-likelihood). ``gmm-bayes`` is variational, with concentration :math:`1/K`,
which lets weights vanish; the official configuration labels the published numbers with it (``GMM_Dirichlet``). Despite
the label, the official call uses scikit-learn's defaults: a *Dirichlet process* prior (not a Dirichlet distribution)
and at most 100 iterations; so do we. Sampling and ``log_prob`` use the mixture with the posterior's point estimates
:math:`(\pi, \mu, \Sigma)`, from which scikit-learn samples as well (its ``score_samples`` adds terms of the variational
bound instead).

The fit runs in float64 on :math:`z / s`, where :math:`s^2` is the mean variance over the codes' dimensions, and is
rescaled afterwards. EM, k-means and the priors are equivariant under scaling, so this changes only the ridge:
scikit-learn adds 1e-6 to the diagonal of every covariance, we add :math:`10^{-6} s^2`, so that the ridge does not
dominate codes of standard deviation 1e-4, which a code-norm penalty can produce. If a variance is determined by the
ridge instead of the data (a constant dimension, a component with fewer codes than dimensions), ``note`` says so. All
codes are used, on one thread.

Reference: From Variational to Deterministic Autoencoders, P. Ghosh et al., 2020, https://arxiv.org/abs/1903.12436, and
``my_utility/estimate_density_and_sample.py`` in https://github.com/ParthaEth/Regularized_autoencoders-RAE-.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TypeAlias

import torch
from jaxtyping import Float
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor

from noiseless.densities.density import LatentDensity, checked
from noiseless.densities.normal import draw_seed, standard
from noiseless.errors import InputError

__all__ = ["DENSITIES", "Mixture", "gmm", "gmm_bayes"]

RIDGE = 1e-6
Estimator: TypeAlias = GaussianMixture | BayesianGaussianMixture


class Mixture(LatentDensity):
    r"""A mixture of Gaussians with full covariances.

    .. math:: \log p(z) = \log \sum_k \exp\Big(\log\pi_k - \tfrac12 \lVert L_k^{-1}(z - \mu_k) \rVert^2
        - \log\lvert L_k \rvert - \tfrac d2 \log 2\pi\Big), \qquad L_k L_k^\top = \Sigma_k

    Arguments:
        dim: the dimension :math:`d` of the codes.
        components: :math:`K`, from 1 to the number of codes.
        bayesian: fit by variational inference, which prunes components, instead of maximum likelihood.

    Attributes:
        weights: :math:`\pi`, shape (K,), sums to 1.
        means: :math:`\mu`, shape (K, d).
        factors: the Cholesky factors :math:`L`, shape (K, d, d), lower triangular.
        converged: whether the fit reached its tolerance within the allowed iterations.
    """

    weights: Tensor
    means: Tensor
    factors: Tensor
    converged: Tensor

    def __init__(self, dim: int, components: int = 10, *, bayesian: bool = False) -> None:
        super().__init__(dim)
        if components < 1:
            raise InputError(f"a mixture needs at least 1 component, not {components}")
        self.bayesian = bayesian
        self.least = max(2, components)
        self.register_buffer("weights", torch.zeros(components, dtype=torch.float64))
        self.register_buffer("means", torch.zeros(components, dim, dtype=torch.float64))
        self.register_buffer("factors", torch.zeros(components, dim, dim, dtype=torch.float64))
        self.register_buffer("converged", torch.zeros((), dtype=torch.bool))

    def fit(self, z: Float[Tensor, "n d"], generator: torch.Generator) -> Mixture:
        """Fits by EM, initialised by k-means with a seed drawn from ``generator``.

        Raises:
            InputError: there are more components than codes, or as :func:`~noiseless.densities.density.checked`.
        """
        z = checked(z, self.dim)
        if len(self.weights) > len(z):
            raise InputError(
                f"a mixture of {len(self.weights)} components needs at least as many codes, not {len(z)}; "
                f"use fewer, such as gmm:2, or another density, such as gaussian"
            )
        scale = z.var(dim=0).mean().sqrt()
        scale = torch.where(scale > 0, scale, 1)
        estimate = self._estimator(seed=draw_seed(generator))
        # Bit-identical on any number of cores; and OpenBLAS threads that share busy cores are 3 to 8 times slower.
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimate.fit((z / scale).cpu().numpy())
        covariances = torch.from_numpy(estimate.covariances_)
        self.weights.copy_(torch.from_numpy(estimate.weights_))
        self.means.copy_(torch.from_numpy(estimate.means_) * scale.cpu())
        self.factors.copy_(torch.linalg.cholesky(covariances) * scale.cpu())
        self.converged.fill_(bool(estimate.converged_))
        self.n.fill_(len(z))
        self.note = "; ".join(filter(None, [_unconverged(estimate), _ridged(covariances)]))
        return self

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        r"""Samples :math:`\mu_k + L_k \varepsilon`, with a component :math:`k \sim \pi` drawn for each row."""
        self.require_fit()
        weights = self.weights.to(generator.device)
        component = torch.multinomial(weights, n, replacement=True, generator=generator).to(self.means.device)
        noise = standard(n, self.dim, generator).to(self.means)
        z = torch.empty_like(noise)
        for k, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
            z[component == k] = mean + noise[component == k] @ factor.T
        return z.float()

    def log_prob(self, z: Float[Tensor, "n d"]) -> Float[Tensor, " n"]:
        """See the class; evaluated one component at a time, so that it needs as much memory as ``z``."""
        self.require_fit()
        z = z.to(self.means)
        terms = [_log_normal(z, mean, factor) for mean, factor in zip(self.means, self.factors, strict=True)]
        return torch.logsumexp(torch.stack(terms, dim=1) + self.weights.log(), dim=1)

    def _estimator(self, seed: int) -> Estimator:
        components = len(self.weights)
        if self.bayesian:
            return BayesianGaussianMixture(
                n_components=components,
                max_iter=100,
                reg_covar=RIDGE,
                weight_concentration_prior_type="dirichlet_process",
                weight_concentration_prior=1 / components,
                random_state=seed,
            )
        return GaussianMixture(components, max_iter=2000, tol=1e-3, reg_covar=RIDGE, random_state=seed)


def gmm(dim: int, components: int = 10) -> Mixture:
    """A mixture of 10 Gaussians (gmm:K for K) with full covariances, fitted by EM.

    Arguments:
        dim: the dimension of the codes.
        components: number of Gaussians.
    """
    return Mixture(dim, components)


def gmm_bayes(dim: int, components: int = 10) -> Mixture:
    """The same mixture fitted by variational Bayes, which may prune components: the official RAE code's choice.

    Arguments:
        dim: the dimension of the codes.
        components: maximal number of Gaussians.
    """
    return Mixture(dim, components, bayesian=True)


def _log_normal(
    z: Float[Tensor, "n d"], mean: Float[Tensor, " d"], factor: Float[Tensor, "d d"]
) -> Float[Tensor, " n"]:
    white = torch.linalg.solve_triangular(factor, (z - mean).T, upper=False)
    return -(white.square() + math.log(2 * math.pi)).sum(dim=0) / 2 - factor.diagonal().log().sum()


def _unconverged(estimate: Estimator) -> str:
    if estimate.converged_:
        return ""
    return f"the fit of the mixture did not converge within {estimate.n_iter_} iterations"


def _ridged(covariances: Float[Tensor, "k d d"]) -> str:
    few = int((torch.linalg.eigvalsh(covariances)[:, 0] < 2 * RIDGE).sum())
    if few == 0:
        return ""
    return (
        f"{few} of {len(covariances)} components have no variance in some direction; "
        "a ridge of 1e-6 of the mean variance of the codes is used there instead"
    )


DENSITIES: dict[str, Callable[[int], LatentDensity]] = {"gmm": gmm, "gmm-bayes": gmm_bayes}
