"""
k-means against EM: what shape is a group?
==========================================

k-means gives each row to the nearest centre, which suits round groups of one size. A mixture
learns the shape and the size of each group, and how sure it is of each row.
"""

# %%
# Two long groups side by side, and a small round one at their end.
import matplotlib.pyplot as plt
import numpy as np

from mixtura import GaussianMixture, KMeans, evaluate
from mixtura.view import ComparisonDisplay

rng = np.random.default_rng(0)
truth = np.repeat(["lower", "upper", "small"], [300, 300, 60])
X = np.vstack(
    [
        rng.normal(size=(300, 2)) * [3.0, 0.4],
        rng.normal(size=(300, 2)) * [3.0, 0.4] + [0.0, 2.5],
        rng.normal(size=(60, 2)) * 0.3 + [9.0, 1.2],
    ]
)

# %%
# The same number of groups, from the same table.
kmeans = KMeans(3, n_init=10, random_state=0).fit(X)
mixture = GaussianMixture(3, random_state=0).fit(X)
for name, model in {"k-means": kmeans, "EM": mixture}.items():
    found = evaluate(truth, model.predict(X))
    print(f"{name:8s} {found.matched_error:6.1%} of the rows in the wrong group")

# %%
# k-means cuts the long groups across, since rows at their two ends are far from each other.
ComparisonDisplay.from_estimator([kmeans, mixture], X, names=["k-means", "EM"])

# %%
# That is no bad luck: by its own measure, the sum of squared distances to the centres, its groups
# are better than the true ones.
groups = [X[truth == name] for name in ("lower", "upper", "small")]
of_truth = sum(len(rows) * rows.var(axis=0).sum() for rows in groups)
print(
    f"sum of squares of the groups found: {kmeans.inertia_:.0f}, of the true ones: {of_truth:.0f}"
)
plt.show()
