"""The DELIMITED format: one CSV record per payload."""

from __future__ import annotations

from collections.abc import Callable

from headwater.core import types as t
from headwater.core.javatext import double_text
from headwater.core.schema import Column
from headwater.formats import checks, delimited_text
from headwater.formats.api import Reader, SchemaRegistry, SerdeOptions, Writer
from headwater.formats.base import FormatBase
from headwater.formats.capabilities import DELIMITER
from headwater.formats.delimited_text import never_quoted, parser, printer
from headwater.formats.failures import Refused, unreadable, unwritable
from headwater.formats.source import Source


class DelimitedFormat(FormatBase):
    """Section 4 of the format rules."""

    name = "DELIMITED"

    def reason_against(self, columns: tuple[Column, ...]) -> str | None:
        for column in columns:
            if not isinstance(column.type, t.Scalar | t.Decimal):
                kind = checks.base_name(column.type)
                return f"The 'DELIMITED' format does not support type '{kind}', column: `{column.name}`"
        return None

    def column_reader(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Reader:
        decode, fast = _decoders(columns, _delimiter(options), topic, options.is_key)
        access = tuple(f"row[{i}]" for i in range(len(columns)))
        return Reader(columns, decode, access, lambda: fast, (ValueError, Refused))

    def column_writer(
        self, columns: tuple[Column, ...], options: SerdeOptions, topic: str, registry: SchemaRegistry | None
    ) -> Writer:
        quick = _encoder(columns, _delimiter(options))

        def encode(*values: object) -> bytes | None:
            try:
                return quick(*values)
            except (TypeError, ValueError, AttributeError) as error:
                raise unwritable(topic, options.is_key, str(error)) from error

        return Writer(columns, encode, "encode_row({args})", {"encode_row": quick})


def _delimiter(options: SerdeOptions) -> str:
    text = options.properties.get(DELIMITER)
    return "," if text is None else checks.delimiter(text, "KEY_DELIMITER" if options.is_key else "VALUE_DELIMITER")


Decoder = Callable[[bytes], tuple[object, ...]]


def _decoders(columns: tuple[Column, ...], delimiter: str, topic: str, is_key: bool) -> tuple[Decoder, Decoder]:
    """The exact decoder, and one for records without quotes, which need no state machine to split."""
    parsers = [parser(c.type) for c in columns]
    count = len(columns)

    def decode(payload: bytes) -> tuple[object, ...]:
        try:
            fields = delimited_text.split(payload.decode("utf-8", "replace"), delimiter)
            if len(fields) != count:
                raise Refused(f"Unexpected field count, csvFields:{len(fields)} schemaFields:{count}")
        except Refused as refused:
            raise unreadable(topic, is_key, refused.reason) from None
        values: list[object] = []
        for column, parse, field in zip(columns, parsers, fields, strict=True):
            try:
                values.append(parse(field) if field else None)
            except (Refused, ValueError) as error:
                reason = f"Column `{column.name}` {column.type}: {error}"
                raise unreadable(topic, is_key, reason, f"$.{column.name}") from None
        return tuple(values)

    return decode, _fast_decoder(columns, parsers, delimiter)


def _fast_decoder(columns: tuple[Column, ...], parsers: list[Callable[[str], object]], delimiter: str) -> Decoder:
    source = Source("delimited reader")
    source.names |= {f"p{i}": parse for i, parse in enumerate(parsers)}
    source.names |= {"delimiter": delimiter, "Refused": Refused}
    values = [_parsed(c.type, f"f{i}", f"p{i}") for i, c in enumerate(columns)]
    with source.block("def fast(payload):"):
        source.line("text = payload.decode()")
        with source.block("if not text or '\"' in text or '\\n' in text or '\\r' in text:"):
            source.line("raise Refused('quoted')")
        source.line(f"{', '.join(f'f{i}' for i in range(len(columns)))}, = text.split(delimiter)")
        source.line(f"return ({', '.join(values)},)")
    return source.compile("fast")


_SHORT = {t.INTEGER: 10, t.DATE: 10, t.BIGINT: 19, t.TIMESTAMP: 19}
"""Digits from which a whole number may be out of range; with fewer no check is needed."""


def _parsed(sql_type: t.SqlType, field: str, parse: str) -> str:
    """Source of the value of a field."""
    if sql_type == t.STRING:
        return f"{field} or None"
    general = f"{parse}({field}) if {field} else None"
    if sql_type not in _SHORT:
        return general
    is_short = f"len({field}) < {_SHORT[sql_type]} and {field}.isdecimal() and {field}.isascii()"
    return f"int({field}) if {is_short} else {general}"


def _printed(sql_type: t.SqlType, value: str, index: int, delimiter: str) -> str:
    """Source of the field of a value that is not None."""
    if not never_quoted(sql_type, delimiter):
        return f"p{index}({value})"
    if sql_type == t.BOOLEAN:
        return f"'true' if {value} else 'false'"
    plain = f"double_text({value})" if sql_type == t.DOUBLE else f"str({value})"
    # A minus that opens the record needs quotes, that of -0.0 too.
    return plain if index else f"{plain} if {value} > 0 else p0({value})"


def _encoder(columns: tuple[Column, ...], delimiter: str) -> Callable[..., bytes]:
    source = Source("delimited writer")
    source.names |= {f"p{i}": printer(c.type, delimiter, first=i == 0) for i, c in enumerate(columns)}
    source.names |= {"delimiter": delimiter, "double_text": double_text}
    args = [f"c{i}" for i in range(len(columns))]
    fields = zip(args, (_printed(c.type, f"c{i}", i, delimiter) for i, c in enumerate(columns)), strict=True)
    texts = ", ".join(f"'' if {arg} is None else {field}" for arg, field in fields)
    source.line(f"def encode_row({', '.join(args)}):")
    source.line(f"    return delimiter.join(({texts},)).encode()")
    return source.compile("encode_row")


FORMAT = DelimitedFormat()
