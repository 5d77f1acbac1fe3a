"""A data frame in, a data frame of codes out. python frame.py [STEPS]"""

import sys

import polars as pl
from sklearn.datasets import load_wine

import noiseless as nl

wine = load_wine()
table = pl.DataFrame(wine.data, schema=wine.feature_names)  # 178 wines, 13 measurements; pandas works alike

training = nl.Training(steps=int(sys.argv[1]) if len(sys.argv) > 1 else 500, threads=1)
networks = nl.Networks(latent_dim=2, width=32)
model = nl.train("rae-l2", table, "runs/wine", training=training, networks=networks, overwrite=True).model()

codes = pl.DataFrame(model.encode(table).numpy(), schema=["code 1", "code 2"])
new = pl.DataFrame(model.sample(5).numpy(), schema=table.columns)
print(codes.head(), new, sep="\n")
codes.write_csv("wine-codes.csv")
