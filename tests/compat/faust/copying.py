"""A Faust worker: copies every word to another topic and counts it in a table."""

from __future__ import annotations

import os

import faust  # type: ignore[import-not-found]

NAME = os.environ["APP_NAME"]

app = faust.App(
    NAME,
    broker=f"kafka://{os.environ['APP_BROKER']}",
    datadir=os.environ["APP_FOLDER"],
    store="memory://",
    value_serializer="raw",
    topic_partitions=4,
    broker_session_timeout=6.0,
    broker_heartbeat_interval=1.0,
    broker_commit_interval=0.5,
    stream_wait_empty=False,
)
words = app.topic(f"{NAME}-words", key_type=bytes, value_type=bytes)
copies = app.topic(f"{NAME}-copies", key_type=bytes, value_type=bytes)
counts = app.Table("counts", default=int, partitions=4)


@app.agent(words)  # type: ignore[untyped-decorator]
async def copy(stream: faust.Stream[bytes]) -> None:
    """Keyed by word already, so each word's count is in one worker."""
    async for key, word in stream.items():
        counts[key.decode()] += 1
        sent = await copies.send(key=key, value=word)
        await sent  # the copy is in the log before the word counts as done


if __name__ == "__main__":
    app.main()
