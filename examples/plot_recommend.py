"""
Which film next? Recommending from ratings
==========================================

A mixture of kinds of viewers, fitted to the few ratings that there are. Two thirds of the viewers
love what the others can do without, some are generous and some are not, and each has rated 15 films
of 60.
"""

# %%
# The ratings are made up, so that it is known what everybody would say of every film.
import matplotlib.pyplot as plt
import numpy as np

from mixtura import RatingMixture

rng = np.random.default_rng(0)
n_viewers, films = 400, np.array([f"film {i:02}" for i in range(60)])
kind = (rng.random(n_viewers) < 1 / 3).astype(int)
quality = rng.normal(3.2, 0.5, 60)
taste = np.where(np.arange(60) % 2 == 0, 0.8, -0.8) * np.array([[1], [-1]])
generosity = rng.normal(0.0, 0.4, n_viewers)


def opinion(viewer, film):
    """Return what viewers give to films: whole stars from 1 to 5."""
    liking = quality[film] + taste[kind[viewer], film] + generosity[viewer]
    return np.clip(np.round(liking + rng.normal(0.0, 0.6, np.shape(liking))), 1, 5)


viewers = np.repeat(np.arange(n_viewers), 15)
seen = np.concatenate([rng.choice(60, 15, replace=False) for _ in range(n_viewers)])
stars = opinion(viewers, seen)

# %%
# A fifth of the ratings is held out, to see how good the predictions are.
held = rng.random(len(stars)) < 0.2
model = RatingMixture(4, random_state=0)
model.fit((viewers[~held], films[seen[~held]], stars[~held]))
errors = model.rating_errors((viewers[held], films[seen[held]], stars[held]))
print(
    f"error {errors['rmse']:.2f} stars on {errors['n_ratings']} ratings; "
    f"{100 * errors['coverage']:.0f} % of them within their 90 % interval"
)
print("always the mean:", round(float(stars[held].std()), 2), "stars")

# %%
# What to show viewer 0, who has rated some films already.
for film, rating, std in zip(*model.recommend(0, 3, return_std=True), strict=True):
    print(f"viewer 0, {film}: {rating:.1f} ± {std:.1f}")

# %%
# Someone new says what they think of four films; nothing is fitted again.
newcomer = model.fold_in({"film 00": 5, "film 01": 1, "film 02": 4, "film 03": 2})
names, ratings = model.recommend(newcomer, 5)
print("a newcomer should see", ", ".join(names))
print("probability of each kind:", newcomer.responsibilities.round(2))

# %%
# Predictions against the ratings held out: whole stars, so that they are spread about the line.
predicted = model.predict(viewers[held], films[seen[held]])
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
given = np.unique(stars)
ax.boxplot([predicted[stars[held] == star] for star in given], positions=given, widths=0.5)
ax.plot([1, 5], [1, 5], color="0.6", linestyle="dashed")
ax.set(xlabel="stars given", ylabel="stars predicted", title="Ratings that were held out")
plt.show()
