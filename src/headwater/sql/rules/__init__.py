"""The grammar: one method per rule, whose docstring is the rule. Each file adds the rules of one part of the language."""
