"""From syntax trees to typed plans: catalog, functions, analysis, physical steps, column lineage. Pure: no I/O."""
