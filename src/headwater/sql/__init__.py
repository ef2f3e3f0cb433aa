"""SQL text to syntax trees and back: tokens, parser, AST, printer. Pure: knows no source, function or type but by name."""
