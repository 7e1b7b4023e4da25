"""
Outliers: a component for rows of no group
==========================================

A few stray rows can take a mixture apart: a component goes after them, or two groups share one. A
component of noise, equally dense everywhere, takes them in.
"""

# %%
# Two groups, and 60 rows scattered about.
import matplotlib.pyplot as plt
import numpy as np

from mixtura import GaussianMixture, NoiseMixture, evaluate
from mixtura.view import ClustersDisplay

rng = np.random.default_rng(0)
X = np.vstack(
    [
        rng.normal(size=(200, 2)),
        rng.normal(size=(150, 2)) * [0.6, 1.4] + [6.0, 2.0],
        rng.uniform([-12.0, -12.0], [18.0, 14.0], (60, 2)),
    ]
)
truth = np.repeat(["left", "right", "stray"], [200, 150, 60])

# %%
# Two components of a plain mixture: one for the groups, one for what is stray.
# With noise, two components are the two groups; rows of noise are -1 in ``predict``.
plain = GaussianMixture(2, random_state=0).fit(X)
noisy = NoiseMixture(2, random_state=0).fit(X)
print(f"{noisy.noise_weight_:.0%} of the rows are noise")
figure, axes = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
for ax, model in zip(axes, (plain, noisy), strict=True):
    ClustersDisplay.from_estimator(model, X, ax=ax)
    ax.set_title(type(model).__name__)

# %%
# Against what they were drawn from. Some stray rows lie within a group by chance, and nothing
# could tell.
print(evaluate(truth, noisy.predict(X)))

# %%
# BIC prefers it, too, to any number of components without noise.
for k in (2, 3, 4):
    print(f"{k} components: {GaussianMixture(k, random_state=0).fit(X).bic(X):.1f}")
print(f"2 and noise: {noisy.bic(X):.1f}")

# %%
# New rows are judged in the same way.
rows = [[0.0, 0.0], [6.0, 2.0], [12.0, -8.0]]
for row, label, shares in zip(rows, noisy.predict(rows), noisy.predict_proba(rows), strict=True):
    print(row, "->", label, f"(noise: {shares[-1]:.2f})")
plt.show()
