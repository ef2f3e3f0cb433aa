"""The command line: `headwater up`, `headwater sql`. Commands only; what they do is in the packages below."""
