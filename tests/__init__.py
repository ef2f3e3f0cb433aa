"""The tests of Headwater; each folder mirrors a package."""
