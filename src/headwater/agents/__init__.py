"""Stream agents: functions over the records of topics, with tables, windows and timers, exactly once.

`App` declares, `runner` runs over a cluster; see docs/agents.md.
"""

from headwater.agents.app import App
from headwater.agents.context import current
from headwater.agents.errors import AgentError
from headwater.agents.record import Message, Record
from headwater.agents.stream import Stream
from headwater.agents.table import Table, WindowedTable

__all__ = ["AgentError", "App", "Message", "Record", "Stream", "Table", "WindowedTable", "current"]
