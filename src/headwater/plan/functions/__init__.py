"""SQL functions: declarations, overload resolution, the registry, and the built-in ones in `builtin/`."""

from headwater.plan.functions.aggregates import BoundAggregate, bind_aggregate
from headwater.plan.functions.declarations import Kind, udaf, udf, udtf
from headwater.plan.functions.registry import FunctionDescription, FunctionRegistry, builtin_functions

__all__ = [
    "BoundAggregate",
    "FunctionDescription",
    "FunctionRegistry",
    "Kind",
    "bind_aggregate",
    "builtin_functions",
    "udaf",
    "udf",
    "udtf",
]
