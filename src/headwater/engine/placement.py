"""Whether rows that must meet lie in equal partitions of their topics, so that each can have a task of its own.

Where they do not, the query runs as one task over all partitions. Within one process that costs nothing.
"""

from __future__ import annotations

from headwater.formats.capabilities import MATRIX, SCHEMA_ID
from headwater.plan.steps import Aggregate, ForeignKeyJoin, FormatSpec, Join, QueryPlan, Rekey, SourceStep, Step


def needs_one_task(plan: QueryPlan) -> bool:
    """Whether some step of the plan brings rows together whose keys were partitioned in different ways."""
    return _meets_elsewhere(plan.root)


def _meets_elsewhere(step: Step) -> bool:
    if isinstance(step, ForeignKeyJoin):
        return True
    if isinstance(step, Rekey) and step.repartition and step.input.is_table:
        return True
    if isinstance(step, Join) and _differ(_placed_by(step.left), _placed_by(step.right)):
        return True
    return any(_meets_elsewhere(child) for child in step.inputs)


def _placed_by(step: Step) -> tuple[FormatSpec, str]:
    """The format whose bytes decided the partition, and the topic it was written to ("" for internal ones)."""
    while not isinstance(step, SourceStep):
        if isinstance(step, Rekey | Aggregate) and step.repartition:
            return step.key_format, ""
        step = step.inputs[0]
    return step.formats.key, step.topic


def _differ(left: tuple[FormatSpec, str], right: tuple[FormatSpec, str]) -> bool:
    """Equal keys have equal bytes when formats are equal; the bytes of schema formats begin with the schema's id."""
    (left_format, left_topic), (right_format, right_topic) = left, right
    if left_format.name != right_format.name or _properties(left_format) != _properties(right_format):
        return True
    return MATRIX[left_format.name].needs_registry and left_topic != right_topic


def _properties(spec: FormatSpec) -> dict[str, str]:
    return {name: value for name, value in spec.properties.items() if name != SCHEMA_ID}
