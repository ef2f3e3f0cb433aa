"""SQL text to syntax trees and back: tokens, parser, AST, printer. Pure: sources, functions and types are but names."""
