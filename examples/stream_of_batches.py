"""
A stream of batches
===================

Clusters of rows that come in chunks and are gone afterwards. Each chunk is added to the sums of
the clusters; what is kept does not grow with the stream.
"""

# %%
# Rows of four groups, as many as are asked for.
import numpy as np

from mixtura import KMeans, MiniBatchKMeans

rng = np.random.default_rng(0)
centres = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0], [6.0, 6.0]])


def chunk(n):
    """Return n new rows of four groups."""
    return centres[rng.integers(0, 4, n)] + rng.normal(size=(n, 2))


# %%
# Twenty chunks of 500 rows, one at a time.
stream, kept = MiniBatchKMeans(4, random_state=0), []
for _ in range(20):
    rows = chunk(500)
    stream.partial_fit(rows)
    kept.append(rows)  # for the comparison only
print(stream.cluster_centers_[np.lexsort(stream.cluster_centers_.round().T)].round(2))

# %%
# Against k-means on all of them at once.
X = np.concatenate(kept)
whole = KMeans(4, random_state=0).fit(X)
print(
    f"inertia of the stream's centres: {-stream.score(X):.1f}, of the whole: {whole.inertia_:.1f}"
)

# %%
# A large table is clustered by batches that grow until they are the table.
X = chunk(200_000)
model = MiniBatchKMeans(4, random_state=0).fit(X)
print(f"{model.n_steps_} steps, but rows for {model.n_iter_} passes over the table only")
