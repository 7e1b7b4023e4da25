"""
A table with holes
==================

Cells are missing: a mixture is fitted to those that are there, fills in the others, and says how
sure it is of each. A tenth of scikit-learn's wine table is hidden here, so that what is filled in
can be compared with the truth.
"""

# %%
# Where the holes are: few rows are complete, so that dropping the others would waste most of the
# table.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine

from mixtura import MixtureImputer
from mixtura.view import ImputationDisplay, MissingDisplay

wine = load_wine(as_frame=True)
table, names = wine.data, wine.feature_names
truth = table.to_numpy()
hidden = np.random.default_rng(0).random(truth.shape) < 0.1
X = np.where(hidden, np.nan, truth)
print(f"{hidden.sum()} of {X.size} cells are missing, in {hidden.any(axis=1).sum()} of 178 rows")
MissingDisplay.from_table(table.mask(hidden))

# %%
# The best guess for each missing cell; the other cells stay as they are.
imputer = MixtureImputer(random_state=0).fit(X)
filled = imputer.transform(X)
scale = truth.std(axis=0)
for label, guess in (("column means", np.nanmean(X, axis=0)), ("the mixture", filled)):
    error = np.sqrt(np.mean(((guess - truth) / scale)[hidden] ** 2))
    print(f"error of {label}: {error:.2f} standard deviations")

# %%
# The mixture says how far off each guess may be.
filled, std = imputer.model_.impute(X, return_std=True)
for row, column in np.argwhere(hidden)[:5]:
    print(
        f"row {row}, {names[column]}: {filled[row, column]:.2f} ± {std[row, column]:.2f}, "
        f"in truth {truth[row, column]:.2f}"
    )
inside = np.abs(filled - truth)[hidden] < 1.645 * std[hidden]
print(f"{inside.mean():.0%} of the truths lie in their 90 % interval")

# %%
# What is filled in looks like what is observed, column by column, but varies less: best guesses
# lie in the middle of what might be there.
ImputationDisplay.from_estimator(imputer.model_, X)

# %%
# A mean over filled cells looks more certain than it is: draw several tables instead.
draws = imputer.model_.impute(X, kind="draw", n_draws=50, random_state=0)
alcohol, ash = names.index("alcohol"), names.index("ash")
correlations = [np.corrcoef(table[:, alcohol], table[:, ash])[0, 1] for table in draws]
print(
    f"correlation of alcohol and ash: {np.mean(correlations):.3f}, of which the missing cells make "
    f"± {np.std(correlations):.3f} (in truth {np.corrcoef(truth.T)[alcohol, ash]:.3f})"
)
plt.show()
