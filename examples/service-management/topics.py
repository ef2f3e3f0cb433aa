"""Creates the topics of this example; those that exist are left alone."""

from __future__ import annotations

from common.kafka import create_topics, options
from data import TOPICS

if __name__ == "__main__":
    create_topics(options("Create the topics of this example.").bootstrap_servers, TOPICS)
