"""
Two bumps: a mixture in one dimension
=====================================

How long people wait for a bus: some just miss it. A histogram with two bumps is the oldest reason
to fit a mixture, and the easiest to look at.
"""

# %%
# Made up: 400 waits, of which two thirds are about four minutes and the others about eleven.
import matplotlib.pyplot as plt
import numpy as np

from mixtura import GaussianMixture
from mixtura.view import DensityDisplay

rng = np.random.default_rng(0)
late = rng.random(400) < 1 / 3
waits = np.where(late, rng.normal(11.0, 2.5, 400), rng.normal(4.0, 1.2, 400))[:, None]

# %%
# Two components find them: dashed, each with the area of its weight, and their sum as a line.
model = GaussianMixture(2, random_state=0).fit(waits)
for j in np.argsort(model.means_[:, 0]):
    deviation = np.sqrt(model.covariances_[j, 0, 0])
    print(f"{model.weights_[j]:4.0%} of the waits: {model.means_[j, 0]:5.2f} ± {deviation:.2f} min")
DensityDisplay.from_estimator(model, waits)

# %%
# A wait of seven minutes may be of either kind, and the model says how sure it is.
for minutes, shares in zip((3, 7, 10), model.predict_proba([[3], [7], [10]]), strict=True):
    print(f"{minutes:2d} min: probabilities {shares.round(3)}")

# %%
# Are there two? One component fits worse by far, and a third does not pay for its parameters:
# BIC, lower is better, is least at 2.
for k in (1, 2, 3):
    print(k, "components: BIC", round(GaussianMixture(k, random_state=0).fit(waits).bic(waits), 1))
plt.show()
