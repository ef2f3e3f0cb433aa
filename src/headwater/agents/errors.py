"""What goes wrong in agents."""

from __future__ import annotations

from headwater.core.errors import HeadwaterError


class AgentError(HeadwaterError):
    """An agent failed at a record, was declared wrongly, or was used outside of a running app. The message names it."""
