# %% [markdown]
# EM by hand: five numbers, two groups, one step at a time.
#
# The E-step asks how far each row belongs to each component; the M-step moves the components to
# the rows that belong to them. Every step raises the log-likelihood.

# %%
import numpy as np

from mixtura import Mixture, e_step, m_step, run_em

x = np.array([[-1.0], [0.0], [4.0], [5.0], [6.0]])
start = Mixture(
    weights=[0.5, 0.5], means=[[6.0], [7.0]], covariances=[1.0, 4.0], covariance_type="spherical"
)

# %% One step, each half alone.
responsibilities, log_likelihood = e_step(x, start)
print(f"log-likelihood of the start: {log_likelihood:.6f}")
print("responsibilities of component 2:", responsibilities[:, 1].round(4))

after_one = m_step(x, responsibilities, "spherical")
print("weights:", after_one.weights.round(4))
print("means:", after_one.means.ravel().round(4))
print("variances:", after_one.covariances.round(4))

# %% The whole run, recorded.
result = run_em(x, start, tol=1e-10, record=True)
print(result.status.value)
for iteration, value in enumerate(result.log_likelihoods):
    means = result.snapshots[iteration].means.ravel()
    print(f"{iteration:3d}  log-likelihood {value:10.6f}  means {means[0]:7.4f} {means[1]:7.4f}")

# %% Every step has raised it.
assert (np.diff(result.log_likelihoods) >= 0).all()
