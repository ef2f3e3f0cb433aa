"""The catalog: what data there is, whose it is, what it is tagged with, where it came from and where it may go."""
