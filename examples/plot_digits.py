"""
Digits: clusters, classes, and what lies between
================================================

Handwritten digits, 8 by 8 pixels. What does a mixture find that has never seen a label, how does
that compare with k-means, and how much are labels worth?
"""

# %%
# Half of scikit-learn's digits are learnt from, the others are for judging. Many pixels are always
# white, so that both methods get the first 20 principal components.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from mixtura import GaussianMixture, KMeans, MixtureClassifier, evaluate, m_step
from mixtura.view import ContingencyDisplay, ImagesDisplay

images, digits = load_digits(return_X_y=True)
images, others, digits, other_digits = train_test_split(
    images, digits, test_size=0.5, random_state=0, stratify=digits
)
pca = PCA(20, random_state=0).fit(images)
X, X_others = pca.transform(images), pca.transform(others)


def error(model):
    """Return the part of the other digits that a model gets wrong.

    A cluster is named after the digit that most of its rows are, among those that were learnt from.
    """
    found = evaluate(digits, model.predict(X))
    name = dict(zip(found.clusters, found.majority, strict=True))
    return np.mean([name[cluster] for cluster in model.predict(X_others)] != other_digits)


# %%
# Ten clusters without a label. k-means looks for round ones of one size; the mixture learns how
# each varies. That is 231 numbers for each, from some 90 rows: the gain is small.
kmeans = KMeans(10, n_init=10, random_state=0).fit(X)
mixture = GaussianMixture(10, n_init=5, random_state=0).fit(X)
print(f"k-means: {error(kmeans):.1%} wrong")
print(f"mixture: {error(mixture):.1%} wrong")

# %%
# The same components with labels: one normal distribution for each digit. That most of the error
# goes says that the shape was right; what was hard is to find which rows belong together.
classifier = MixtureClassifier(1).fit(X, digits)
wrong = np.mean(classifier.predict(X_others) != other_digits)
print(f"with all labels: {wrong:.1%} wrong")

# %%
# What do the components look like? An M-step takes the responsibilities back to the pixels. Below
# the means are the images nearest to each, and those that the mixture is least sure of.
pixels = m_step(images, mixture.predict_proba(X), "spherical")
ImagesDisplay.from_estimator(pixels, images, shape=(8, 8))

# %%
# Which digits share a component, and which have several.
ContingencyDisplay.from_estimator(mixture, X, digits)
plt.show()
