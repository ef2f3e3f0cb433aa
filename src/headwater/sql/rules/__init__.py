"""The grammar: one method per rule, its docstring the rule. Each file adds the rules of one part of the language."""
