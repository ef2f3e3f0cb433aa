"""Names of topics in configurations: a wrong one is an error of its key, not of the first write."""

from __future__ import annotations

from typing import Any

from headwater.log.configs import check_topic_name
from headwater.log.errors import InvalidTopicError


def topic_name(value: Any) -> str | None:
    """What is wrong with a topic's name; an empty one stands for none. For a key's `validator`."""
    try:
        check_topic_name(str(value) or "none")
    except InvalidTopicError as error:
        return str(error)
    return None
