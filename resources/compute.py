"""Named compute profiles: an asset or op names one; what it needs from a machine follows."""

from dataclasses import dataclass, field

import dagster as dg


@dataclass(frozen=True)
class ComputeProfile:
    """What a step needs: tags that a launcher reads, and how Dagster retries it."""

    name: str
    tags: dict[str, str] = field(default_factory=dict)
    retry_policy: dg.RetryPolicy | None = None

    @property
    def op_tags(self) -> dict[str, str]:
        """Return the step tags, with the profile's name."""
        return {"plateful/profile": self.name, **self.tags}


CPU_SMALL = ComputeProfile("cpu-small")
# A render shard is idempotent, so a step that died with its machine is tried again; two retries cover a spot
# node lost twice in a row.
GPU_RENDER = ComputeProfile("gpu-render", retry_policy=dg.RetryPolicy(max_retries=2, delay=5))
