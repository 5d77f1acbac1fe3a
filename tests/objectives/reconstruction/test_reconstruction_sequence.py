"""Cross-entropies of tokens against their closed forms and the published code's form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from noiseless.errors import InputError
from noiseless.objectives import reconstruction
from noiseless.strings import of, shipped
from noiseless.values import Spec

RULES = Spec("expressions", (15,), (), (), 12, shipped("expressions").text)
SPELLED = Spec("words", (4,), (), (), 3, "", "ab ")


def sample(spec: Spec, strings: list[str], seed: int = 0) -> tuple[Tensor, Tensor]:
    x = torch.from_numpy(of(spec).encode(strings)).double()
    a = torch.randn(len(x), *spec.outputs, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return a.requires_grad_(), x


def masked(spec: Spec, a: Tensor, x: Tensor) -> Tensor:
    """The published form: exponentials, times the mask of the true rule's left side, divided by their sum."""
    e = a.exp() * of(spec).alternatives()[x.long()]
    return e / e.sum(2, keepdim=True)


@pytest.mark.parametrize("spec", [RULES, SPELLED], ids=["rules", "characters"])
def test_all_forms_are_those_of_their_formulas(spec: Spec) -> None:
    a, x = sample(spec, ["x+1", "sin(x*x)"] if spec is RULES else ["ab", "b"])
    p, true = masked(spec, a, x), torch.nn.functional.one_hot(x.long(), spec.tokens)
    q = p.clamp(1e-7, 1 - 1e-7)
    binary = -(true * q.log() + (1 - true) * (1 - q).log()).sum() / 2
    forms = {
        "categorical": -(true * p.clamp_min(1e-300).log()).sum() / 2,
        "squared-error": (true - p).square().sum() / 2,
        "binary": binary,
    }
    for name, expected in forms.items():
        found = reconstruction.build(name, spec)
        assert not found.logits
        torch.testing.assert_close(found.of(a, x), expected, rtol=1e-6, atol=1e-4 if name == "binary" else 1e-9)
        (gradient,) = torch.autograd.grad(found.of(a, x), a)
        assert gradient.isfinite().all()


def test_the_binary_form_is_d_times_the_published_loss() -> None:
    a, x = sample(RULES, ["x", "1/3+(x)+sin(x*x)", "exp(2)"])
    p, true = masked(RULES, a, x).clamp(1e-7, 1 - 1e-7), torch.nn.functional.one_hot(x.long(), 12).double()
    published = 15 * torch.nn.functional.binary_cross_entropy(p, true)
    torch.testing.assert_close(reconstruction.build("binary", RULES).of(a, x), 12 * published, rtol=1e-4, atol=1e-4)


def test_forbidden_rules_and_padding_cost_nothing() -> None:
    for name in ("categorical", "binary", "squared-error"):
        loss = reconstruction.build(name, RULES).of
        a, x = sample(RULES, ["x"])
        (gradient,) = torch.autograd.grad(loss(a, x), a)
        assert not gradient[:, 2:].any()  # behind the two rules of x
        assert not gradient[:, 0, 4:].any()  # rules of T where S is replaced
        shifted = a + torch.randn(1, 15, 1, dtype=torch.float64)
        torch.testing.assert_close(loss(shifted, x), loss(a, x))


def test_a_uniform_decoder_costs_the_logarithms_of_the_choices() -> None:
    _, x = sample(RULES, ["x+1"])  # S -> S + T, S -> T, T -> x, T -> 1
    loss = reconstruction.build("categorical", RULES).of(torch.zeros(1, 15, 12, dtype=torch.float64), x)
    assert loss.item() == pytest.approx(2 * math.log(4) + 2 * math.log(7))


def test_a_certain_decoder_costs_nothing_and_stays_finite() -> None:
    _, x = sample(RULES, ["x+1", "2"])
    certain = 200.0 * torch.nn.functional.one_hot(x.long(), 12).double()
    for name in ("categorical", "binary", "squared-error"):
        loss = reconstruction.build(name, RULES).of
        assert loss(certain, x).item() == pytest.approx(0, abs=1e-4)
        wrong = (-certain).requires_grad_()
        loss(wrong, x).backward()
        assert wrong.grad is not None
        assert wrong.grad.isfinite().all()


@pytest.mark.parametrize(
    ("name", "spec", "sentence"),
    [
        ("bernoulli", RULES, "'bernoulli' is for numbers, and expressions are sequences of tokens; use binary, categ"),
        ("gaussian:0.5", RULES, "is for numbers"),
        ("categorial", RULES, "did you mean 'categorical'"),
        ("categorical:2", RULES, "unknown reconstruction"),
        ("categorical", Spec("digits", (1, 8, 8)), "'categorical' is for sequences of tokens, and digits are numbers"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, spec: Spec, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        reconstruction.build(name, spec)


def test_the_forms_are_listed() -> None:
    assert {"binary", "categorical", "squared-error", "bernoulli"} <= reconstruction.names().keys()
