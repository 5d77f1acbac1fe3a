r"""Deciphering autoencoders (Maeda, 2023), https://arxiv.org/abs/2310.01712: new patterns yield new samples.

Every training example has a random pattern of active channels. An encoder, which sees the pattern and not the example,
and a decoder learn to generate the example from it (:mod:`noiseless.objectives.deciphering.objective`). AdamW with
learning rate 2e-3 (2e-4 for the shift's embedding), weight decay up to 0.08, batches of 256, 1,000 epochs with shifted
images and 2,000 without.

The paper's distance is LPIPS, whose weights cannot be distributed with this library: the reconstruction ``lpips`` reads
them from a file. The default for images is the same construction on EfficientNet-Lite0, ``efficientnet``, which works
offline.

``tuned``, which is ours, is for a few thousand images and a few hundred epochs on a CPU.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from noiseless.autoencoder import Autoencoder, Networks
from noiseless.autoencoder.bottlenecks.point import Deterministic
from noiseless.data import modality
from noiseless.errors import InputError
from noiseless.nn.deciphering import GroupedDecoder, PatternEncoder, Shifted, widths
from noiseless.nn.inversion import DecoderInversion
from noiseless.nn.mlp import MLPDecoder
from noiseless.objectives import reconstruction as reconstructions
from noiseless.objectives.deciphering.objective import Axes, Deciphering, Plan
from noiseless.objectives.deciphering.patterns import Kind, Layout, Patterns
from noiseless.recipes.method import Method
from noiseless.registry import Choice
from noiseless.training import Training
from noiseless.training.settings import Optimiser
from noiseless.values import Spec

__all__ = ["TRAININGS", "deciphering"]

PAPER_WIDTH, LATENT, ACTIVE = 128, 128, (1, 4, 16)
PLANS = {
    "paper": Plan(),
    "tuned": Plan(shift_epochs=0, mirrored=False, decay=0.0, decay_epochs=0),
}
TRAININGS = {
    "paper": Training(epochs=3000, batch=256, schedule="constant", ema=0.99995),
    "tuned": Training(epochs=300, batch=100, schedule="constant", ema=0.995),
}


def deciphering(
    spec: Spec,
    networks: Networks = Networks(),
    optimiser: Optimiser = Optimiser(),
    *,
    form: Literal["paper", "tuned"] = "paper",
    pattern: Kind = "dropout",
    active: tuple[int, ...] | None = None,
    clusters: int | None = None,
    input: Literal["noise", "constant"] = "noise",
    shift: Axes | None = None,
    shift_epochs: int | None = None,
    mirrored: bool | None = None,
    shift_lr: float | None = None,
    decay_epochs: int | None = None,
    reconstruction: Choice | None = None,
) -> Method:
    """Deciphering autoencoder: every example has a random dropout pattern, and new patterns yield new samples.

    Arguments:
        form: paper: as published, 3,000 epochs; tuned: our settings for a few thousand images on a CPU.
        pattern: dropout: active channels; gaussian: factors from N(0, 1) for all channels.
        active: Active channels in the first three stages. Default: 1 4 16, times the square root of width / 128, at
            least 1.
        clusters: Number of clusters of the data (by k-means), and of groups of the first stage's channels. Default: 32,
            or as many as the width allows.
        input: Input of the encoder. noise: random, redrawn in every step; constant: learnt.
        shift: Shift images along these axes and condition the decoder on the shift: horizontal, both, or none. Default:
            horizontal; form tuned, and vectors: none.
        shift_epochs: Epochs with shifts, after which the optimiser and the moving average are reset. Default: 1,000.
        mirrored: Mirror images and their patterns in every second epoch, as the code does. Default: true; form tuned,
            and vectors: false.
        shift_lr: Learning rate of the shift's embedding. Default: a tenth of the others'.
        decay_epochs: Epochs during which the weight decay increases to its value. Default: 400; form tuned: none.
        reconstruction: Reconstruction term: efficientnet:SIDE, lpips or squared-error. Default: efficientnet for images
            of 1 or 3 channels with at least 16 pixels per side, otherwise squared-error.
    """
    if modality.of(spec).discrete:
        raise InputError(f"deciphering is for images and vectors, and {spec.name} are sequences of tokens; use grae")
    convolutional = _convolutional(spec, networks)
    if pattern == "gaussian" and clusters not in (None, 1):
        raise InputError(
            f"clusters are groups of channels, which gaussian patterns do not have; leave out clusters={clusters}"
        )
    latent_dim, width = networks.latent_dim or LATENT, networks.width
    distance = reconstructions.build(reconstruction or _distance(spec), spec)
    given: dict[str, Any] = {
        "clusters": clusters,
        "shift": shift,
        "shift_epochs": shift_epochs,
        "mirrored": mirrored,
    }
    given |= {"decay_epochs": decay_epochs, "shift_lr": shift_lr, "lr": optimiser.lr, "decay": optimiser.weight_decay}
    plan = _plan(form, given, width, convolutional)
    axes = {"none": 0, "horizontal": 1, "both": 2}[plan.shift]

    decoder = _decoder(spec, latent_dim, width, axes, convolutional, distance.logits)
    decode = decoder.forward if isinstance(decoder, MLPDecoder) else decoder.unbounded
    search = DecoderInversion(decode, latent_dim, distance.logits)
    objective = Deciphering(
        Autoencoder(search, decoder, Deterministic(latent_dim), distance.logits),
        PatternEncoder(spec.shape, latent_dim, width, input == "constant", convolutional),
        Patterns(Layout(widths(width)[:3], tuple(active or _active(width))), pattern),
        distance.of,
        lambda p, lr: replace(optimiser, optimiser=optimiser.optimiser or "adamw", lr=None).build(p, lr),
        plan,
    )
    tuned = (
        ("epochs, rate, average and the rest of form 'tuned' were chosen by this library, not by the paper",)
        if form == "tuned"
        else ()
    )
    ignored = tuple(filter(None, [_ignored(plan, given)]))
    return Method(objective, TRAININGS[form], ("pattern", "empirical", "gaussian", "gmm"), tuned + ignored)


def _convolutional(spec: Spec, networks: Networks) -> bool:
    if networks.encoder is not None or networks.decoder is not None or networks.depth is not None:
        raise InputError("deciphering has fixed networks; leave out encoder=, decoder= and depth=")
    if networks.net not in (None, "mlp"):
        raise InputError(f"deciphering has fixed networks; leave out net={networks.net}, or give net=mlp")
    return modality.of(spec).pixels and networks.net is None


def _distance(spec: Spec) -> str:
    """The default reconstruction term: perceptual for images that are large enough."""
    perceptual = modality.of(spec).pixels and spec.shape[0] in (1, 3) and min(spec.shape[1:]) >= 16
    return "efficientnet" if perceptual else "squared-error"


def _active(width: int) -> tuple[int, ...]:
    """The paper's numbers at its width; for other widths scaled between a constant number and a constant share."""
    factor = (width / PAPER_WIDTH) ** 0.5
    return tuple(min(n, max(1, round(k * factor))) for n, k in zip(widths(width), ACTIVE, strict=False))


def _plan(form: str, arguments: Mapping[str, Any], width: int, convolutional: bool) -> Plan:
    """The form's plan, adapted to width and networks, with given arguments in place of its defaults."""
    plan, given = PLANS[form], {name: value for name, value in arguments.items() if value is not None}
    asked = given.get("shift", "none") != "none"
    shifts = plan.shift_epochs or (PLANS["paper"].shift_epochs if asked else 0)
    plan = replace(
        plan,
        clusters=min(plan.clusters, max(1, width // 2)),
        shift=plan.shift if convolutional and given.get("shift_epochs", shifts) else "none",
        shift_epochs=shifts,
        mirrored=plan.mirrored and convolutional,
    )
    plan = replace(plan, **given)
    if not convolutional and (plan.shift != "none" or plan.mirrored):
        raise InputError("these networks have no axis to shift or mirror along; give shift=none and mirrored=False")
    ignored = _ignored(plan, given)
    if ignored and "shift" not in given:
        raise InputError(f"{ignored}; leave it out, or give shift=both for images without net=mlp")
    return plan


def _ignored(plan: Plan, given: Mapping[str, Any]) -> str:
    """What is said of settings of shifts where nothing is shifted; nothing if there are none."""
    names = [name for name in ("shift_epochs", "shift_lr") if given.get(name)] if plan.shift == "none" else []
    return f"{names[0]} is {given[names[0]]}, and nothing is shifted" if names else ""


def _decoder(
    spec: Spec, latent_dim: int, width: int, axes: int, convolutional: bool, logits: bool
) -> GroupedDecoder | Shifted | MLPDecoder:
    if not convolutional:
        return MLPDecoder(latent_dim, spec.shape, 8 * width, 2, logits)
    network = GroupedDecoder(latent_dim + (width if axes else 0), spec.shape, width, logits)
    return Shifted(network, axes, width) if axes else network
