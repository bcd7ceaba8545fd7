"""Publishing: approved candidates become public images, exactly once; what no longer holds is retired."""

from plateful.publishing.bucket import Bucket
from plateful.publishing.publish import MAX_LEFT_SHARE, PublishReport, publish

__all__ = ["MAX_LEFT_SHARE", "Bucket", "PublishReport", "publish"]
