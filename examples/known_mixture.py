"""
A mixture that is known already
===============================

Score rows, draw new ones, and write the model to a file. Parameters may come from a paper, from
another program, or from a model fitted elsewhere.
"""

# %%
# Two components, written down.
import tempfile
from pathlib import Path

import mixtura

model = mixtura.GaussianMixture.from_parameters(
    weights=[0.3, 0.7],
    means=[[0.0, 0.0], [3.0, 1.0]],
    covariances=[[[1.0, 0.5], [0.5, 1.0]], [[0.5, 0.0], [0.0, 2.0]]],
)

# %%
# How likely is a row, and which component does it come from?
rows = [[0.0, 0.0], [3.0, 1.0], [1.5, 0.5], [20.0, 20.0]]
for row, density, shares in zip(
    rows, model.score_samples(rows), model.predict_proba(rows), strict=True
):
    print(row, f"log-density {density:8.2f} nats, probabilities {shares.round(3)}")

# %%
# Draw rows and fit them: the parameters come back.
X, _ = model.sample(5000, random_state=0)
fitted = mixtura.GaussianMixture(2, random_state=0).fit(X)
order = fitted.weights_.argsort()
print("weights:", fitted.weights_[order].round(2))
print("means:", fitted.means_[order].round(2).tolist())

# %%
# A model file holds arrays and text: loading it runs no code.
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "known.mixtura"
    model.save(path)
    again = mixtura.load(path)
print("loaded:", again.means_.tolist())
