"""Object stores: Azure Blob Storage, S3, Google Cloud Storage and plain folders, read from and written to."""

from headwater.connect.connectors.object_store.sink import (
    AzureBlobSink,
    FolderSink,
    GcsSink,
    S3Sink,
)
from headwater.connect.connectors.object_store.source import (
    AzureBlobSource,
    FolderSource,
    GcsSource,
    S3Source,
)

__all__ = [
    "AzureBlobSink", "AzureBlobSource", "FolderSink", "FolderSource", "GcsSink", "GcsSource", "S3Sink", "S3Source",
]  # fmt: skip
