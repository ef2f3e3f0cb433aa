"""Creates the topics that an example's `data.TOPICS` names: run `python -m common.topics` in the example's folder."""

from __future__ import annotations

from common.kafka import create_topics, options

if __name__ == "__main__":
    from data import TOPICS

    create_topics(options("Create the topics of this example.").bootstrap_servers, TOPICS)
