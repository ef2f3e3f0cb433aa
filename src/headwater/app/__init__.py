"""From settings to a running node: what is built, and in which order it starts and stops."""
