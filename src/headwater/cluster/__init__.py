"""The one seam for the log: `Cluster`, with an embedded and a remote implementation."""
