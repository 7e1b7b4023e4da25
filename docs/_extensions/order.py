"""The order of the gallery: from the first idea to special cases."""

from __future__ import annotations

STORIES = (
    "plot_em_by_hand",
    "plot_two_bumps",
    "plot_kmeans_against_em",
    "plot_contours_of_em",
    "plot_how_many_groups",
    "plot_iris_and_wine",
    "plot_table_with_holes",
    "plot_colours_of_an_image",
    "plot_digits",
    "plot_songs",
    "plot_recommend",
    "plot_outliers",
    "plot_larger_than_memory",
)


class Story:
    """Sort the stories as listed, and after them the others by name."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __call__(self, name: str) -> tuple[int, str]:
        """Return the key of a file."""
        stem = name.removesuffix(".py")
        return (STORIES.index(stem) if stem in STORIES else len(STORIES), stem)
