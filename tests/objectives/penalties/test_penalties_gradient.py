import itertools

import pytest
import torch
from torch import Tensor, nn

from noiseless.autoencoder import Autoencoder
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.errors import InputError
from noiseless.nn.conv import ConvDecoder, ConvEncoder, _Spread
from noiseless.nn.distributed import BatchNorm, _Normalise
from noiseless.objectives.penalties.gradient import EXACT_UP_TO, JacobianNorm, SquaredOutputGradient
from noiseless.values import Batch, Noise, Trace


def dense(*sizes: int) -> nn.Sequential:
    layers = [m for a, b in itertools.pairwise(sizes) for m in (nn.Linear(a, b), nn.Tanh())]
    return nn.Sequential(*layers[:-1]).double()


def autoencoder(decoder: nn.Module, data: int = 6, latent_dim: int = 3) -> Autoencoder:
    return Autoencoder(dense(data, latent_dim), decoder, Deterministic(latent_dim))


def normed(latent_dim: int = 3, outputs: int = 6) -> nn.Sequential:
    return nn.Sequential(nn.Linear(latent_dim, 5), BatchNorm(5), nn.Tanh(), nn.Linear(5, outputs)).double()


def trace(model: Autoencoder, n: int = 4, seed: int = 0, data: int = 6) -> Trace:
    x = torch.randn(n, data, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    return model(Batch(x, torch.arange(n), 0, Noise(seed)))


def reseeded(made: Trace, seed: int) -> Trace:
    return Trace(Batch(made.x, made.batch.index, 0, Noise(seed)), made.q, made.z, made.y)


def batch_jacobian(model: Autoencoder, z: Tensor) -> Tensor:
    return torch.autograd.functional.jacobian(model.decoder, z.detach())


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("outputs", [2, 6])
def test_exact_norm_of_a_linear_decoder_is_that_of_its_matrix(outputs: int) -> None:
    decoder = nn.Linear(3, outputs).double()
    model = autoencoder(decoder)
    torch.testing.assert_close(JacobianNorm(0)(trace(model), model), decoder.weight.square().sum(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("outputs", [2, 6])
def test_exact_norm_equals_jacrev_where_data_are_decoded_one_by_one(outputs: int) -> None:
    model = autoencoder(dense(3, 5, outputs))
    made = trace(model)
    jacobians = torch.func.vmap(torch.func.jacrev(model.decoder))(made.z.detach())
    expected = jacobians.square().sum() / len(made.z)
    torch.testing.assert_close(JacobianNorm(0)(made, model).detach(), expected.detach(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("outputs", [2, 6])
def test_signs_average_to_the_norm_of_the_joint_jacobian_under_batch_norm(outputs: int) -> None:
    model = autoencoder(normed(outputs=outputs))
    made = trace(model)
    jacobian = batch_jacobian(model, made.z)
    every = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=4)), dtype=torch.float64)

    def with_signs(s: Tensor) -> Tensor:
        if outputs < 3:
            pulled = torch.einsum("i,inj...->nj...", s, jacobian)
        else:
            pulled = torch.einsum("j,injk->ink", s, jacobian)
        return pulled.square().sum() / 4

    mean = torch.stack([with_signs(s) for s in every]).mean()
    torch.testing.assert_close(mean, jacobian.square().sum() / 4, rtol=1e-12, atol=0)
    penalty = JacobianNorm(0)(made, model).detach()
    drawn = Noise(0).signs(made.z[:, 0].detach())
    torch.testing.assert_close(penalty, with_signs(drawn), rtol=1e-10, atol=0)


@pytest.mark.parametrize("decoder", [dense(3, 5, 6), normed()], ids=["dense", "normed"])
@pytest.mark.parametrize("probes", [1, 4])
def test_estimate_is_unbiased(decoder: nn.Module, probes: int) -> None:
    model = autoencoder(decoder)
    made = trace(model)
    expected = batch_jacobian(model, made.z).square().sum().item() / 4
    draws = torch.stack([JacobianNorm(probes)(reseeded(made, seed), model).detach() for seed in range(600)])
    width = 4 * draws.std().item() / len(draws) ** 0.5
    assert width < 0.15 * expected
    assert abs(draws.mean().item() - expected) < width


def test_default_is_exact_for_small_outputs_without_batch_norm_and_one_probe_else() -> None:
    small, large = autoencoder(dense(3, EXACT_UP_TO)), autoencoder(dense(3, EXACT_UP_TO + 1))
    for model, probes in ((small, 0), (large, 1), (autoencoder(normed()), 1)):
        made = trace(model)
        default, named = JacobianNorm()(reseeded(made, 3), model), JacobianNorm(probes)(reseeded(made, 3), model)
        torch.testing.assert_close(default, named, rtol=0, atol=0)


def test_code_form_is_its_definition() -> None:
    model = autoencoder(normed())
    made = trace(model)
    gradient = torch.autograd.functional.jacobian(lambda z: model.decoder(z).square().sum(), made.z.detach())
    torch.testing.assert_close(
        SquaredOutputGradient()(made, model).detach(), gradient.square().mean(), rtol=1e-12, atol=0
    )


PENALTIES = [JacobianNorm(0), JacobianNorm(2), SquaredOutputGradient()]
NAMES = ["exact", "estimate", "code"]


@pytest.mark.parametrize("outputs", [2, 6])
@pytest.mark.parametrize("penalty", PENALTIES, ids=NAMES)
def test_gradients_in_parameters_and_data_are_right(penalty: JacobianNorm, outputs: int) -> None:
    model = autoencoder(normed(outputs=outputs))
    parameters = list(model.parameters())

    def value(x: Tensor, *_: Tensor) -> Tensor:
        return penalty(model(Batch(x, torch.arange(4), 0, Noise(0))), model)

    x = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(value, (x, *parameters), atol=1e-7)


@pytest.mark.parametrize("penalty", PENALTIES, ids=NAMES)
def test_torch_batch_norm_of_ones_own_decoder_gives_the_same_gradients(penalty: JacobianNorm) -> None:
    ours = autoencoder(normed())
    theirs = autoencoder(
        nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5, eps=1e-3), nn.Tanh(), nn.Linear(5, 6)).double()
    )
    theirs.load_state_dict(ours.state_dict(), strict=False)

    def gradients(model: Autoencoder) -> list[Tensor]:
        made = trace(model)
        return list(torch.autograd.grad(penalty(made, model), list(model.parameters()), allow_unused=True))

    if isinstance(penalty, JacobianNorm) and penalty.probes == 0:
        # in training, rows stand in for columns with torch's batch norm, and have other cross terms
        ours.eval(), theirs.eval()
        theirs.decoder[1].running_mean.zero_(), theirs.decoder[1].running_var.fill_(1)
    for a, b in zip(gradients(ours), gradients(theirs), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("penalty", PENALTIES, ids=NAMES)
def test_running_moments_move_once(penalty: JacobianNorm) -> None:
    model = autoencoder(normed())
    made = trace(model)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    penalty(made, model).backward()
    for name, buffer in model.named_buffers():
        torch.testing.assert_close(buffer, before[name], rtol=0, atol=0)


@pytest.mark.parametrize("penalty", PENALTIES, ids=NAMES)
def test_validation_without_gradients_gives_the_same_value(penalty: JacobianNorm) -> None:
    model = autoencoder(normed())
    trace(model)
    model.eval()
    with torch.no_grad():
        unconnected = penalty(trace(model), model)
    torch.testing.assert_close(unconnected.detach(), penalty(trace(model), model).detach(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("penalty", [JacobianNorm(1), SquaredOutputGradient()], ids=["estimate", "code"])
def test_bfloat16_gives_the_float32_penalty_on_the_paper_s_network(penalty: JacobianNorm) -> None:
    shape = (1, 32, 32)
    model = Autoencoder(ConvEncoder(shape, 4, 8), ConvDecoder(4, shape, 8), Deterministic(4))
    batch = Batch(torch.rand(16, *shape), torch.arange(16), 0, Noise(0))

    def gradient() -> tuple[Tensor, Tensor]:
        value = penalty(model(Batch(batch.x, batch.index, 0, Noise(0))), model)
        found = torch.autograd.grad(value, list(model.decoder.parameters()), allow_unused=True)
        return value.detach(), torch.cat([g.flatten() for g in found if g is not None])

    exact, exact_gradient = gradient()
    model.autocast = torch.bfloat16
    value, rounded_gradient = gradient()
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, exact, rtol=0.1, atol=0)
    assert torch.cosine_similarity(exact_gradient, rounded_gradient, dim=0) > 0.97


@pytest.mark.parametrize("shape", [(7, 3), (5, 3, 4, 2)])
def test_batch_norm_is_differentiable_thrice(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    weight, bias = torch.rand(3, dtype=torch.float64, requires_grad=True), torch.zeros(3, dtype=torch.float64)
    v, direction = torch.randn_like(x), torch.randn_like(x)

    def norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return _Normalise.apply(x, weight, bias, torch.zeros(3).double(), torch.ones(3).double(), 0.1, 1e-3)

    def pushed(x: Tensor) -> Tensor:
        u = torch.zeros_like(x, requires_grad=True)
        (pulled,) = torch.autograd.grad(norm(x, weight, bias).sin(), x, u, create_graph=True)
        return torch.autograd.grad(pulled, u, v, create_graph=True)[0].square().sum()

    inputs = (x, weight, bias.requires_grad_())
    assert torch.autograd.gradcheck(norm, inputs)
    assert torch.autograd.gradgradcheck(norm, inputs)
    slope = (torch.autograd.grad(pushed(x), x)[0] * direction).sum()
    step = 1e-5 * direction.detach()
    difference = (pushed(x + step) - pushed(x - step)) / 2e-5
    torch.testing.assert_close(slope, difference.detach(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("kernel", "channels"), [(4, 1), (5, 3)])
def test_last_layer_is_torch_s_transposed_convolution_and_twice_differentiable(kernel: int, channels: int) -> None:
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, channels, kernel, kernel, dtype=torch.float64, requires_grad=True)
    expected = nn.functional.conv_transpose2d(x, weight, padding=(kernel - 1) // 2)[..., :5, :4]
    torch.testing.assert_close(_Spread.apply(x, weight), expected, rtol=1e-12, atol=1e-12)
    assert torch.autograd.gradcheck(_Spread.apply, (x, weight))
    assert torch.autograd.gradgradcheck(_Spread.apply, (x, weight))


def test_negative_probes_are_refused() -> None:
    with pytest.raises(InputError, match="probes is -1"):
        JacobianNorm(-1)
