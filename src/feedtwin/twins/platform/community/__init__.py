"""Text posts, comments and groups: what OASIS's users do, real but plain."""

from feedtwin.twins.platform.community.config import BoardConfig
from feedtwin.twins.platform.community.finding import Finding
from feedtwin.twins.platform.community.groups import Groups
from feedtwin.twins.platform.community.posts import Posts

__all__ = ["BoardConfig", "Finding", "Groups", "Posts"]
