"""Publishing: approved candidates become public images, exactly once; what no longer holds is retired."""

from plateful.publishing.bucket import Bucket
from plateful.publishing.publish import PublishReport, publish

__all__ = ["Bucket", "PublishReport", "publish"]
