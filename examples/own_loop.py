"""A method composed of parts and trained in a loop of one's own over a torch DataLoader. python own_loop.py [EPOCHS]"""

import sys

import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

import noiseless as nl

pictures = torch.from_numpy(load_digits().images).float()[:, None] / 16  # (1797, 1, 8, 8) in [0, 1]
loader = DataLoader(TensorDataset(pictures), batch_size=100, shuffle=True)

torch.manual_seed(0)
autoencoder = nl.autoencoder.build(
    nl.Spec("digits", (1, 8, 8)), nl.Networks(width=16), nl.bottlenecks.Deterministic(16)
)
terms = {
    "code": nl.objectives.Term(0.01, nl.penalties.code_norm),
    "decoder": nl.objectives.Term(1e-4, nl.penalties.DecoderNorm()),
}
objective = nl.objectives.Regularised(autoencoder, nl.reconstruction.squared_error, terms)
optimiser = torch.optim.Adam(objective.parameters(), lr=1e-3)

for epoch in range(int(sys.argv[1]) if len(sys.argv) > 1 else 20):
    for (x,) in loader:
        losses = objective(x)
        optimiser.zero_grad()
        sum(losses.values()).backward()
        optimiser.step()
    print(epoch + 1, {name: round(loss.item(), 3) for name, loss in losses.items()})
