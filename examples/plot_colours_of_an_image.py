"""
The colours of an image
=======================

A photograph has thousands of colours; how few will do? Its pixels are rows of red, green and blue.
They are clustered, and the picture is drawn again with the colours that were found.
"""

# %%
# scikit-learn's photograph of a temple, every third pixel.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_image

from mixtura import GaussianMixture, KMeans

image = load_sample_image("china.jpg")[::3, ::3] / 255.0
pixels = image.reshape(-1, 3)
print(f"{len(pixels)} pixels, {len(np.unique(pixels, axis=0))} colours")

# %%
# Eight colours by k-means, each pixel drawn in its nearest; and eight by a mixture, where each is
# drawn in the colours of the components that it may belong to, mixed.
n_colours = 8
kmeans = KMeans(n_colours, n_init=3, random_state=0).fit(pixels)
mixture = GaussianMixture(n_colours, random_state=0).fit(pixels)
drawn = {
    "k-means, nearest": kmeans.cluster_centers_[kmeans.labels_],
    "mixture, mixed": mixture.predict_proba(pixels) @ mixture.means_,
}
figure, axes = plt.subplots(1, 3, figsize=(13, 3.4), layout="constrained")
axes[0].imshow(image)
axes[0].set_title("The photograph")
for ax, (name, colours) in zip(axes[1:], drawn.items(), strict=True):
    error = 255 * np.sqrt(np.mean((colours - pixels) ** 2))
    print(f"{name}: off by {error:.1f} of 255 levels")
    ax.imshow(np.clip(colours, 0.0, 1.0).reshape(image.shape))
    ax.set_title(f"{n_colours} colours: {name}")
for ax in axes:
    ax.set_axis_off()

# %%
# k-means is nearer: the squared error is the very thing that it makes small. The mixture says
# something else, which pixels are of one kind: its components are as wide as what they describe,
# haze of few shades or leaves of many.
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for ax, (name, model) in zip(axes, {"k-means": kmeans, "mixture": mixture}.items(), strict=True):
    labels = model.predict(pixels).reshape(image.shape[:2])
    ax.imshow(labels, cmap="tab10", interpolation="nearest")
    ax.set_title(f"Groups of {name}")
    ax.set_axis_off()
for name, model in {"k-means": kmeans, "mixture": mixture}.items():
    labels = model.predict(pixels)
    widths = [255 * np.sqrt(pixels[labels == j].var(axis=0).mean()) for j in range(n_colours)]
    print(f"{name}: groups are {min(widths):.1f} to {max(widths):.1f} levels wide")
plt.show()
