"""
Rows that count more than once
==============================

Weights instead of copies: a table of distinct values with counts gives the same fit as the long
table it stands for.
"""

# %%
# The iris table has rows that occur twice.
import numpy as np
from sklearn.datasets import load_iris

from mixtura import GaussianMixture

X = load_iris().data
values, counts = np.unique(X, axis=0, return_counts=True)
print(f"{len(X)} rows, {len(values)} distinct")

# %%
# Start both at the same place, so that they take the same path.
centres = X[[0, 60, 120]]
long = GaussianMixture(3, covariance_type="tied", means_init=centres, random_state=0).fit(X)
short = GaussianMixture(3, covariance_type="tied", means_init=centres, random_state=0).fit(
    values, sample_weight=counts
)
print("log-likelihood per row:", round(long.lower_bound_, 6), round(short.lower_bound_, 6))

# %%
# A weight of zero leaves a row out: the flowers of the last species, here.
without = GaussianMixture(2, random_state=0).fit(X, sample_weight=np.arange(150) < 100)
print("group sizes without the last species:", (without.weights_ * 100).round(1))
