"""What every other package may use: errors, SQL types and schemas, clock, settings."""
