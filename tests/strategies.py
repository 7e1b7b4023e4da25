"""Hypothesis strategies: problems are drawn as sizes and a seed, which shrink well."""

from __future__ import annotations

from hypothesis import strategies as st

from problems import FAMILY_NAMES

seeds = st.integers(0, 2**32 - 1)
families = st.sampled_from(FAMILY_NAMES)
n_components = st.integers(1, 5)
n_features = st.integers(1, 6)
