"""The scikit-learn facade and the functional one: validate, choose, run, publish."""
