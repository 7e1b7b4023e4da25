"""
How many components are there?
==============================

More components always fit better, so that something must weigh the gain. Four answers to one
question, and why they need not agree: components are not groups.
"""

# %%
# Four components, two of which cross each other: three groups to the eye.
import matplotlib.pyplot as plt
import numpy as np

from mixtura import GaussianMixture, MixtureSearch, bootstrap_lrt, combine, cross_validate
from mixtura.view import ClustersDisplay, CriteriaDisplay

rng = np.random.default_rng(1)
X = np.vstack(
    [
        rng.normal(size=(150, 2)) * [1.0, 0.5],
        rng.normal(size=(100, 2)) * [0.5, 1.0] + [4.0, 0.0],
        rng.normal(size=(100, 2)) @ [[1.2, 0.8], [0.0, 0.5]] + [2.0, 5.0],
        rng.normal(size=(60, 2)) * [0.3, 1.5] + [2.0, 5.0],
    ]
)

# %%
# First answer: BIC, for every covariance structure and 1 to 7 components. It is lower by 6 or more
# where the evidence is strong.
search = MixtureSearch(range(1, 8), random_state=0).fit(X)
print("BIC:", search.best_params_)
CriteriaDisplay.from_estimator(search)

# %%
ClustersDisplay.from_estimator(search, X)

# %%
# Second: ICL, which also asks that rows belong clearly to one component. Components that cross
# do not, so that it counts groups.
kept = [row for row in search.table_ if not row["degenerate"]]
least = min(kept, key=lambda row: row["icl"])
print("ICL:", least["covariance_type"], "with", least["n_components"], "components")

# %%
# Between the two: keep BIC's density and combine its components, those first that share most rows.
print(combine(search.best_estimator_, X))

# %%
# Third: a test of K against K + 1 components, by fits to tables that were drawn from the smaller.
print(bootstrap_lrt(X, max_components=6, n_boot=99, random_state=0))

# %%
# Fourth: how likely are rows that the fit has not seen? No penalty is needed, but the differences
# are small beside their noise.
for k in range(1, 7):
    found = cross_validate(GaussianMixture(k, random_state=0), X, random_state=0)
    print(f"{k} components: {found.log_likelihood:.3f} ± {found.standard_error:.3f} nats per row")
plt.show()
