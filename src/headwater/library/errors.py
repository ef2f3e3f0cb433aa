"""What only the library refuses."""

from __future__ import annotations

from headwater.core.errors import HeadwaterError


class ClosedError(HeadwaterError):
    """The node or query that is asked was closed."""


class MissingPackageError(HeadwaterError):
    """Something needs a package that is not installed; the message has the command that installs it."""


class UnsupportedError(HeadwaterError):
    """The server that is connected to, or another package, cannot do this; the message says what can."""
