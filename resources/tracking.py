"""MLflow as a resource."""

import dagster as dg

from plateful.tracking import Tracking


class TrackingResource(dg.ConfigurableResource):
    """Experiment tracking and model registry."""

    uri: str
    artifacts: str | None
    # Where people open MLflow; links in the Dagster UI start with it.
    ui_url: str

    def open(self) -> Tracking:
        """Return the tracking store, which connects on first use."""
        return Tracking(self.uri, artifact_root=self.artifacts, ui_url=self.ui_url)
