"""What one round of the papers' optimisation costs at full size: fitting the sparse Gaussian process, choosing a batch.

    python benchmarks/optimise_round.py [--objects 90000] [--latent-dim 25] [--inducing 500] [--epochs 50] [--batch 50]
        [--threads 1] [--peers] [--out docs/results/optimise-round.md]

Codes are normal; costs are a smooth function of them with noise, of the mean and deviation of the expressions'
scores, so that the error of the process can be read: one that learned nothing would have the costs' deviation. With
--peers, steps of the same length stand beside ours, in turns: the same energy as it is defined, differentiated by
torch, and gpytorch's variational process with the same numbers. CPU seconds are those of the process, which grow far
less than the clock's with what else the machine does. Decoding and scoring are the model's and not timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from cyclopts import run
from evaluate_throughput import hardware
from torch import Tensor

from noiseless.optimisation.improvement import greedy
from noiseless.optimisation.sparse_gp import fit, initial
from noiseless.show.tables import markdown

COSTS = (4.7, 1.45)
LR = 5e-4


def main(
    *,
    objects: int = 90_000,
    latent_dim: int = 25,
    inducing: int = 500,
    minibatch: int = 5000,
    epochs: int = 50,
    batch: int = 50,
    threads: int = 1,
    peers: bool = False,
    steps: int = 5,
    out: Path | None = None,
) -> None:
    """Prints the tables."""
    torch.set_num_threads(threads)
    x, y = problem(objects + objects // 9, latent_dim)
    z, costs, held, truth = x[:objects], y[:objects], x[objects:], y[objects:]
    count = epochs * -(-objects // minibatch)
    settings = {"inducing": inducing, "epochs": epochs, "batch": minibatch, "lr": LR}
    fitting, law = timed(lambda: fit(z, costs, generator(), **settings))
    box = (z.amin(dim=0), z.amax(dim=0))
    candidates = box[0] + (box[1] - box[0]) * torch.rand(10_000, latent_dim, generator=generator(), dtype=torch.float64)
    choosing, _ = timed(lambda: greedy(law, candidates, box, batch))
    mean, _ = law.mean_and_variance(held)
    rows = [
        {"part": f"fitting, {count} steps", **fitting, "CPU seconds a step": fitting["CPU seconds"] / count},
        {"part": f"choosing {batch} codes", **choosing, "CPU seconds a step": choosing["CPU seconds"] / batch},
        {"part": "a round", **{name: fitting[name] + choosing[name] for name in fitting}},
    ]
    error = float((mean - truth).square().mean().sqrt())
    tables = [markdown(rows, within="part")]
    tables.append(f"Held-out error {error:.3f}, of costs whose deviation is {float(truth.std()):.3f}.")
    if peers:
        tables.append(markdown(compared(z, costs, inducing, minibatch, steps), within="step"))
    print("\n\n".join(tables))
    if out is not None:
        given = (
            f"--objects {objects} --latent-dim {latent_dim} --inducing {inducing} --epochs {epochs} --threads {threads}"
        )
        head = [
            "# One round of the papers' optimisation",
            f"`python benchmarks/optimise_round.py {given}{' --peers' if peers else ''} --out {out}`",
            f"{hardware()}; minibatches of {minibatch:,}; one measurement.",
        ]
        out.write_text("\n\n".join([*head, *tables]) + "\n")


def generator() -> torch.Generator:
    """The same draws for everyone."""
    return torch.Generator().manual_seed(0)


def problem(n: int, d: int) -> tuple[Tensor, Tensor]:
    """Codes, and costs that three directions decide."""
    draws = generator()
    x = torch.randn(n, d, generator=draws, dtype=torch.float64)
    directions = torch.randn(d, 3, generator=draws, dtype=torch.float64) / d**0.5
    wave = (x @ directions).sin().sum(dim=1) + 0.3 * torch.randn(n, generator=draws, dtype=torch.float64)
    return x, COSTS[0] + COSTS[1] * (wave - wave.mean()) / wave.std()


def timed(do: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    """Seconds of the process and of the clock, and what it gave."""
    began, cpu = time.perf_counter(), time.process_time()
    value = do()
    return {"CPU seconds": time.process_time() - cpu, "seconds": time.perf_counter() - began}, value


def compared(x: Tensor, y: Tensor, inducing: int, minibatch: int, steps: int) -> list[dict[str, Any]]:
    """Median CPU seconds of a step, of ours and of others."""
    named = {
        "ours": ours(x.float(), y, inducing, minibatch),
        "ours, float64 throughout": ours(x, y, inducing, minibatch),
        "the definition, differentiated by torch": plain(x, y, inducing, minibatch),
        "gpytorch, variational": gpytorch(x, y, inducing, minibatch),
    }
    for step in named.values():
        step()
    seconds: dict[str, list[float]] = {name: [] for name in named}
    for _ in range(steps):
        for name, step in named.items():
            seconds[name].append(timed(step)[0]["CPU seconds"])
    return [{"step": name, "CPU seconds": median(found), "repeats": steps} for name, found in seconds.items()]


def ours(x: Tensor, y: Tensor, inducing: int, minibatch: int) -> Callable[[], None]:
    """A step of the library."""
    gp = initial(x.double(), y, inducing, generator())
    return stepping(list(gp.parameters()), lambda: gp.energy(x[:minibatch], y[:minibatch], len(x)))


def plain(x: Tensor, y: Tensor, inducing: int, minibatch: int) -> Callable[[], None]:
    """A step on the energy as it is defined: inverses of matrices of the inducing points, and nothing by hand."""
    gp = initial(x, y, inducing, generator())
    total, c = len(x), (len(x) - 1) / len(x)
    rows, costs, eye = x[:minibatch], y[:minibatch], torch.eye(inducing, dtype=x.dtype)

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        scale = (-0.5 * gp.log_squares).exp()
        return gp.log_amplitude.exp() * (-0.5 * torch.cdist(a * scale, b * scale).square()).exp()

    def energy() -> Tensor:
        inverse = torch.linalg.inv(kernel(gp.z, gp.z) + 1e-3 * gp.log_amplitude.exp() * eye)
        factors = gp.l @ gp.l.T
        posterior, cavity = inverse + factors, inverse + c * factors
        spread = torch.linalg.inv(cavity)
        k = kernel(rows, gp.z)
        mean = k @ (inverse @ (spread @ (c * gp.h)))
        b = inverse @ spread @ inverse - inverse
        variance = gp.log_amplitude.exp() + ((k @ b) * k).sum(dim=1) + gp.log_noise.exp()

        def phi(precision: Tensor, h: Tensor) -> Tensor:
            return 0.5 * (h @ torch.linalg.solve(precision, h) - torch.logdet(precision))

        fit = -0.5 * (variance.log() + (costs - mean).square() / variance).mean()
        phi_1, phi_0 = phi(posterior, gp.h), -0.5 * torch.logdet(inverse)
        return -((phi_1 - phi_0) / total + fit + phi(cavity, c * gp.h) - phi_1)

    return stepping(list(gp.parameters()), energy)


def gpytorch(x: Tensor, y: Tensor, inducing: int, minibatch: int) -> Callable[[], None]:
    """A step of gpytorch's variational process of the same size."""
    from gpytorch.distributions import MultivariateNormal
    from gpytorch.kernels import RBFKernel, ScaleKernel
    from gpytorch.likelihoods import GaussianLikelihood
    from gpytorch.means import ZeroMean
    from gpytorch.mlls import VariationalELBO
    from gpytorch.models import ApproximateGP
    from gpytorch.variational import CholeskyVariationalDistribution, VariationalStrategy

    class Process(ApproximateGP):
        def __init__(self) -> None:
            law = CholeskyVariationalDistribution(inducing)
            super().__init__(VariationalStrategy(self, x[:inducing].clone(), law, learn_inducing_locations=True))
            self.mean, self.kernel = ZeroMean(), ScaleKernel(RBFKernel(ard_num_dims=x.shape[1]))

        def forward(self, points: Tensor) -> MultivariateNormal:
            return MultivariateNormal(self.mean(points), self.kernel(points))

    process, likelihood = Process().double(), GaussianLikelihood().double()
    process.kernel.base_kernel.lengthscale = 5.0
    bound = VariationalELBO(likelihood, process, num_data=len(x))
    parameters = [*process.parameters(), *likelihood.parameters()]
    return stepping(parameters, lambda: -bound(process(x[:minibatch]), y[:minibatch]))


def stepping(parameters: list[Tensor], loss: Callable[[], Tensor]) -> Callable[[], None]:
    """An update by Adam."""
    adam = torch.optim.Adam(parameters, lr=LR)

    def step() -> None:
        adam.zero_grad()
        loss().backward()
        adam.step()

    return step


if __name__ == "__main__":
    run(main)
