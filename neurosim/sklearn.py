"""Estimators for scikit-learn: ``from neurosim.sklearn import NeurosimClassifier, NeurosimRegressor``."""

from neurosim.exchange.estimators import NeurosimClassifier, NeurosimRegressor

__all__ = ["NeurosimClassifier", "NeurosimRegressor"]
