"""
Three Gaussians: contours at the start, after 12 iterations, at the end
=======================================================================

EM from a bad start: nothing seems to happen for a while, then everything does. The likelihood
rises in every step, but where it hardly does there may still be a long way to go.
"""

# %%
# Three groups, and a start with all three means between them.
import matplotlib.pyplot as plt
import numpy as np

from mixtura import Mixture, run_em
from mixtura.view import ClustersDisplay, ConvergenceDisplay

rng = np.random.default_rng(0)
X = np.vstack(
    [
        rng.multivariate_normal([0, 0], [[1.0, 0.6], [0.6, 1.0]], 200),
        rng.multivariate_normal([4, 1], [[0.6, -0.4], [-0.4, 1.0]], 150),
        rng.multivariate_normal([1, 5], [[2.0, 0.0], [0.0, 0.3]], 150),
    ]
)
start = Mixture([1 / 3] * 3, [[0, 2], [1, 2], [2, 2]], [np.eye(2)] * 3)
result = run_em(X, start, tol=1e-8, record=True)
print(result.status.value, f"{result.n_iter} iterations")

# %%
# Rows have the colours of the components that they belong to, mixed where they belong to several.
# After 12 iterations one group is found; the means of the other two components lie between the two
# other groups, whose rows they share.
figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), sharex=True, sharey=True, layout="constrained")
for ax, iteration in zip(axes, (0, 12, result.n_iter), strict=True):
    ClustersDisplay.from_estimator(result.snapshots[iteration], X, kind="contour", ax=ax)
    if iteration < result.n_iter:
        ax.get_legend().remove()
    ax.set_title(f"{iteration} iterations: {result.log_likelihoods[iteration]:.0f} nats")

# %%
# The plateau can be seen in the log-likelihood, but not from within: that an iteration gains little
# does not say how much is still to come.
gains = np.diff(result.log_likelihoods)
flat = int(gains[:20].argmin())
print(
    f"iteration {flat + 1} gains {gains[flat]:.2f} nats, with {gains[flat + 1 :].sum():.0f} to come"
)
ConvergenceDisplay.from_estimator(result)

# %%
# The means that it ends with are those that the rows were drawn with.
for weight, mean in zip(result.mixture.weights, result.mixture.means, strict=True):
    print(f"weight {weight:.2f}, mean {mean.round(2)}")
plt.show()
