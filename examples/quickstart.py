"""Trains on small digits; then encodes, reconstructs, interpolates and samples. python quickstart.py [STEPS]"""

import sys

import torch

import noiseless as nl

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
digits = nl.data.load("digits")  # or an array, a tensor, a data frame, a torch Dataset, a folder
training, networks = nl.Training(steps=steps, threads=1), nl.Networks(width=16)
nl.train("rae-l2", digits, "runs/quickstart", training=training, networks=networks, overwrite=True)

model = nl.load("runs/quickstart")
images = torch.from_numpy(digits.test.take(range(8)))  # uint8 (8, 1, 8, 8), not seen in training
codes = model.encode(images)  # (8, 16)
print("squared error:", (model.reconstruct(images) - images / 255).square().flatten(1).sum(1).mean().item())
halfway = model.decode((codes[:4] + codes[4:]) / 2)  # or the whole path, along great circles:
paths = model.interpolate(images[:4], images[4:], steps=8)  # (4, 8, 1, 8, 8)
new = model.sample(64, density="gmm", seed=0)  # (64, 1, 8, 8), floats in [0, 1]
print("wrote", nl.show.grid(new, "runs/quickstart/samples.png"))
