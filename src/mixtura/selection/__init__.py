"""Choosing a model: criteria, cross-validation, and answers compared with labels."""
