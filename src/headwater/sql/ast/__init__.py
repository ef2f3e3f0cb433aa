"""The syntax tree: what the text says, before anything is resolved.

Nodes are frozen and comparable; `position` (where the node starts) takes no part in comparison. Identifiers hold the
name as it counts: upper-cased when it was unquoted. Numbering of statements follows the statement sheet of the docs.
"""

from __future__ import annotations

from headwater.sql.ast.expressions import *  # noqa: F403 - one name space for all nodes
from headwater.sql.ast.queries import *  # noqa: F403
from headwater.sql.ast.statements import *  # noqa: F403
