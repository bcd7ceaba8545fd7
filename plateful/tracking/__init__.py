"""Model versions and their scores in MLflow."""
