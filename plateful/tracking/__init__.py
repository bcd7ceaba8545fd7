"""Model versions and their scores in MLflow."""

from plateful.tracking.mlflow_tracking import Tracking

__all__ = ["Tracking"]
