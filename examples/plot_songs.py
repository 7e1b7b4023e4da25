"""
Songs by artist: does style show?
=================================

Three artists, 200 songs each, and what a streaming service says of every song. Can the artists be
told apart without being told who sang what? The songs are made up, as styles with variations.
"""

# %%
# Styles: mean and deviation of each column. Two of the artists are close to each other.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from mixtura import GaussianMixture, MixtureSearch, evaluate
from mixtura.view import CertaintyDisplay, ContingencyDisplay, ProfilesDisplay

columns = ["popularity", "minutes", "danceability", "energy", "loudness_db", "acousticness"]
styles = {
    "folk singer": ([55, 3.8, 0.50, 0.35, -11.0, 0.75], [9, 0.7, 0.09, 0.10, 2.0, 0.12]),
    "pop star": ([72, 3.4, 0.66, 0.70, -5.8, 0.15], [8, 0.4, 0.09, 0.11, 1.2, 0.10]),
    "rapper": ([64, 3.7, 0.76, 0.64, -6.6, 0.18], [9, 0.8, 0.09, 0.11, 1.6, 0.12]),
}
rng = np.random.default_rng(0)
songs = pd.DataFrame(
    np.vstack([rng.normal(mean, deviation, (200, 6)) for mean, deviation in styles.values()]),
    columns=columns,
)
artist = np.repeat(list(styles), 200)

# %%
# How many styles? No scaling is needed, though popularity goes to 100 and acousticness to 1.
search = MixtureSearch(range(1, 7), random_state=0).fit(songs)
print(search.best_params_)

# %%
# Three groups, their profiles: means in standard deviations of the whole table.
model = GaussianMixture(3, covariance_type="diag", n_init=5, random_state=0).fit(songs)
ProfilesDisplay.from_estimator(model, songs)

# %%
# Against the artists. The folk singer is alone; the other two share some of their songs.
found = evaluate(artist, model.predict(songs), model.predict_proba(songs))
print(found)
ContingencyDisplay.from_estimator(model, songs, artist)

# %%
# The model knows where it is not sure: errors are rare among the songs it is certain of.
wrong = np.array(found.matched)[model.predict(songs)] != artist
sure = found.certainty > 0.95
print(f"wrong where certain: {wrong[sure].mean():.1%} of {sure.sum()} songs")
print(f"wrong elsewhere:     {wrong[~sure].mean():.1%} of {(~sure).sum()} songs")
CertaintyDisplay.from_estimator(model, songs)

# %%
# The songs on the fence.
for row in found.hardest(3):
    print(
        f"{artist[row]}: {songs.iloc[row].round(2).to_dict()}, certainty {found.certainty[row]:.2f}"
    )
plt.show()
