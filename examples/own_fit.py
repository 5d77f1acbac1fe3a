"""The method of own_loop.py, trained by noiseless on a torch DataLoader. python own_fit.py [EPOCHS]"""

import sys

import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

import noiseless as nl

pictures = torch.from_numpy(load_digits().images).float()[:, None] / 16  # (1797, 1, 8, 8) in [0, 1]
loader = DataLoader(TensorDataset(pictures[:1600]), batch_size=100, shuffle=True)
held_out = DataLoader(TensorDataset(pictures[1600:]), batch_size=100)

torch.manual_seed(0)
autoencoder = nl.autoencoder.build(
    nl.Spec("digits", (1, 8, 8)), nl.Networks(width=16), nl.bottlenecks.Deterministic(16)
)
terms = {
    "code": nl.objectives.Term(0.01, nl.penalties.code_norm),
    "decoder": nl.objectives.Term(1e-4, nl.penalties.DecoderNorm()),
}
objective = nl.objectives.Regularised(autoencoder, nl.reconstruction.squared_error, terms)

training = nl.Training(epochs=int(sys.argv[1]) if len(sys.argv) > 1 else 20, schedule="cooldown", threads=1)
nl.fit(objective, loader, training, validation=held_out)

autoencoder.eval()
with torch.no_grad():
    codes = autoencoder.encode(pictures[:1600]).mean  # (1600, 16)
    density = nl.densities.build("gmm", 16).fit(codes, torch.Generator().manual_seed(0))
    new = autoencoder.decode(density.sample(64, torch.Generator().manual_seed(1)))  # (64, 1, 8, 8)
print("squared error:", (autoencoder.decode(codes) - pictures[:1600]).square().flatten(1).sum(1).mean().item())
print("wrote", nl.show.grid(new, "own-fit.png"))
