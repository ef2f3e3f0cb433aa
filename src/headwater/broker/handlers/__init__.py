"""What the broker answers: one file per group of APIs, of functions (broker, context, request) -> response."""
