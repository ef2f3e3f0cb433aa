"""Single-message transforms: small changes of records between a connector and its topics, with the originals' keys."""
