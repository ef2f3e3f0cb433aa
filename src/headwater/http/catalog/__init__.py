"""The catalog's REST door: definitions, tags, business metadata, search, data products, lineage and rules."""
