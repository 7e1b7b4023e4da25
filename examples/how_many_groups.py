# %% [markdown]
# How many groups are there, and of what shape?
#
# Every structure with every number of components is fitted, and criteria weigh how well each
# describes the rows against its size. Labels are looked at in the end only.

# %%
import numpy as np
from sklearn.datasets import load_iris

from mixtura import GaussianMixture, MixtureSearch, evaluate

iris = load_iris()
X, species = iris.data, iris.target_names[iris.target]

# %% The search: 14 structures, 1 to 5 components.
search = MixtureSearch(n_components=range(1, 6), random_state=0).fit(X)
print("best by BIC:", search.best_params_)

# %% How far ahead is it? A difference of 6 or less is no strong evidence.
ranked = sorted((row for row in search.table_ if not row["degenerate"]), key=lambda row: row["bic"])
print("structure  components  parameters      BIC      ICL")
for row in ranked[:5]:
    print(
        f"{row['covariance_type']:9s}  {row['n_components']:10d}  {row['n_parameters']:10d}"
        f"  {row['bic']:7.2f}  {row['icl']:7.2f}"
    )

# %% With its structure given, the number alone is chosen.
for name in ("VEV", "tied", "diag"):
    model = GaussianMixture("auto", covariance_type=name, random_state=0).fit(X)
    print(f"{name}: {model.n_components_} components, BIC {model.bic(X):.2f}")

# %% Against the species, which no fit has seen: BIC finds two of them as one group.
for k in (2, 3):
    model = GaussianMixture(k, covariance_type="VEV", random_state=0).fit(X)
    found = evaluate(species, model.predict(X), model.predict_proba(X))
    print(f"{k} components: one-to-one error {found.matched_error:.3f}")

# %% Cells may be missing, and a prior keeps small components from collapsing.
X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
search = MixtureSearch(range(1, 4), prior="conjugate", random_state=0).fit(X)
print("with a tenth of the cells missing:", search.best_params_)
