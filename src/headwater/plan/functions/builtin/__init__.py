"""The built-in functions, one module per group of the functions sheet, declared as users declare theirs."""
