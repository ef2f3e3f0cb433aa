"""Small services inside the node that stand in for outside ones: same connector, no install."""
