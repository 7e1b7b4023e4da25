"""
Rows that memory does not hold
==============================

A table on disk is read a part at a time, once in every iteration, and the fit is that of the rows
in memory. Rows that come once and go are learnt from in a single pass.
"""

# %%
# A table that a budget of eight megabytes does not hold, in a file.
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from mixtura import GaussianMixture, open_table

rng = np.random.default_rng(0)
centres = rng.normal(scale=2.0, size=(6, 4))
X = centres[rng.integers(6, size=300_000)] + rng.normal(size=(300_000, 4))
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "rows.npy"
np.save(path, X)
table = open_table(path, memory="8MB")
print(f"{table.n_bytes / 1e6:.1f} MB on disk, {table.n_rows:,} rows")

# %%
# From the file and from the array: the same start, the same sums, the same parameters.
batch = GaussianMixture(6, random_state=0).fit(table)
memory = GaussianMixture(6, random_state=0).fit(X)
print("largest difference of means:", f"{abs(batch.means_ - memory.means_).max():.1e}")

# %%
# What every row is assigned goes into another file, a part at a time.
out = path.with_name("labelled.npy")
table.write(out, component=batch.predict)
print("columns of the file:", open_table(out).n_features)

# %%
# Online: chunks of 1,000 rows, each seen once. How far is it from the batch, on rows of their own?
fresh = centres[rng.integers(6, size=20_000)] + rng.normal(size=(20_000, 4))
best = batch.score(fresh)
figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
for forget, style in ((0.7, "-"), (None, "--")):
    online = GaussianMixture(6, random_state=0, forget=forget)
    seen, gaps = [], []
    for number, (rows, _) in enumerate(table.chunks(1000), start=1):
        online.partial_fit(rows)
        if number % 20 == 0:
            seen.append(1000 * number)
            gaps.append(best - online.score(fresh))
    axes.plot(seen, gaps, style, label=f"forget={forget}")
    print(f"forget={forget}: {gaps[-1]:.4f} nats per row below the batch")
folder.cleanup()

# %%
# The first ten thousand rows are kept and fitted; from there each chunk moves the parameters.
axes.axhline(0.0, color="0.6", linewidth=1)
axes.set(xlabel="rows seen", ylabel="nats per row below the batch", title="One pass of partial_fit")
axes.legend()
plt.show()
