"""
EM by hand: five numbers, two groups
====================================

The E-step asks how far each row belongs to each component; the M-step moves the components to the
rows that belong to them. Every step raises the log-likelihood. One step at a time, on five numbers
that can be checked on paper.
"""

# %%
# A poor start on purpose: both components begin at the right end.
import matplotlib.pyplot as plt
import numpy as np

from mixtura import Mixture, e_step, m_step, run_em
from mixtura.view import ConvergenceDisplay, DensityDisplay

x = np.array([[-1.0], [0.0], [4.0], [5.0], [6.0]])
start = Mixture(
    weights=[0.5, 0.5], means=[[6.0], [7.0]], covariances=[1.0, 4.0], covariance_type="spherical"
)

# %%
# The E-step. Component 1 is the wide one, so that the far rows are nearly all its own: -1 is 7
# deviations from the mean of one and 4 from that of the other.
responsibilities, log_likelihood = e_step(x, start)
print(f"log-likelihood of the start: {log_likelihood:.6f}")
for row, shares in zip(x[:, 0], responsibilities, strict=True):
    print(f"x = {row:4.1f}   component 0: {shares[0]:.4f}   component 1: {shares[1]:.4f}")

# %%
# The M-step: weighted shares, means and variances, with the responsibilities as weights.
after_one = m_step(x, responsibilities, "spherical")
print("weights:", after_one.weights.round(4))
print("means:", after_one.means.ravel().round(4))
print("variances:", after_one.covariances.round(4))

# %%
# The whole run, recorded: component 1 moves to the two rows on the left, slowly at first.
result = run_em(x, start, tol=1e-10, record=True)
print(result.status.value)
for iteration, value in enumerate(result.log_likelihoods):
    means = result.snapshots[iteration].means.ravel()
    print(f"{iteration:3d}  log-likelihood {value:10.6f}  means {means[0]:7.4f} {means[1]:7.4f}")

# %%
# The density at the start and at the end.
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for ax, iteration in zip(axes, (0, result.n_iter), strict=True):
    DensityDisplay.from_estimator(result.snapshots[iteration], x, ax=ax)
    ax.set_title(f"After {iteration} updates")

# %%
# Every step has raised the log-likelihood; that is a theorem, and here it is.
assert (np.diff(result.log_likelihoods) >= 0).all()
ConvergenceDisplay.from_estimator(result)
plt.show()
