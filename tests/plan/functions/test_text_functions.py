"""String, byte, regular expression, masking, URL and JSON functions by their sheet."""

from __future__ import annotations

import pytest

from tests.plan.evaluating import evaluate, same

COLUMNS: dict[str, tuple[str, object]] = {
    "NS": ("STRING", None),
    "NI": ("INT", None),
    "NB": ("BYTES", None),
    "B": ("BYTES", b"abc"),
    "FACE": ("STRING", "a\U0001f600b"),
}

VALUES: list[tuple[str, object]] = [
    ("UCASE('aé')", "AÉ"),
    ("LCASE(NS)", None),
    ("LEN(FACE)", 4),
    ("LEN(B)", 3),
    ("TRIM(CHR(9) || ' a b ' || CHR(1))", "a b"),
    ("CONCAT('a', NS, 'b')", "ab"),
    ("CONCAT(NS, NS)", ""),
    ("CONCAT(B, NB, B)", b"abcabc"),
    ("CONCAT('a', 'b', 'c', 'd', 'e', 'f', 'g')", "abcdefg"),
    ("CONCAT_WS('-', 'a', NS, 'b')", "a-b"),
    ("CONCAT_WS(NS, 'a', 'b')", None),
    ("REPLACE('abcabc', 'b', 'XX')", "aXXcaXXc"),
    ("REPLACE('ab', '', '-')", "-a-b-"),
    ("INITCAP('  the QUICK fox')", "The Quick Fox"),
    # positions count UTF-16 code units, from 1 or from the end
    ("SUBSTRING('foobar', 4)", "bar"),
    ("SUBSTRING('foobar', -2)", "ar"),
    ("SUBSTRING('foobar', 0, 2)", "fo"),
    ("SUBSTRING('foobar', -9, 2)", "fo"),
    ("SUBSTRING('foobar', 3, 99)", "obar"),
    ("SUBSTRING('foobar', 3, -1)", ""),
    ("SUBSTRING('foobar', 99)", ""),
    ("SUBSTRING(FACE, 2, 2)", "\U0001f600"),
    ("SUBSTRING(B, 2, 1)", b"b"),
    ("SPLIT('a,,b', ',')", ["a", "", "b"]),
    ("SPLIT('abc', '')", ["a", "b", "c"]),
    ("SPLIT('', ',')", [""]),
    ("SPLIT(B, TO_BYTES('b', 'utf8'))", [b"a", b"c"]),
    ("SPLIT_TO_MAP('a=1&b=2&c&a=3=4', '&', '=')", {"a": "3", "b": "2"}),
    ("SPLIT_TO_MAP('a', '', '=')", None),
    ("LPAD('foo', 7, 'Ba')", "BaBafoo"),
    ("RPAD('foo', 7, 'Ba')", "fooBaBa"),
    ("LPAD('foobar', 3, 'x')", "foo"),
    ("LPAD('foo', -1, 'x')", None),
    ("RPAD('foo', 5, '')", None),
    ("RPAD(B, 5, B)", b"abcab"),
    ("INSTR('corporate floor', 'or')", 2),
    ("INSTR('corporate floor', 'or', 3)", 5),
    ("INSTR('corporate floor', 'or', 3, 2)", 14),
    ("INSTR('corporate floor', 'or', -3)", 5),
    ("INSTR('corporate floor', 'or', -3, 2)", 2),
    ("INSTR('corporate floor', 'x')", 0),
    ("INSTR(NS, 'x')", 0),
    ("ELT(2, 'a', 'b')", "b"),
    ("ELT(3, 'a', 'b')", None),
    ("FIELD('b', 'a', 'b')", 2),
    ("FIELD(NS, 'a', NS)", 0),
    ("CHR(75)", "K"),
    ("CHR('\\u004b')", "K"),
    ("CHR('x004b')", None),
    ("CHR('\\ud83d\\ude00')", "\U0001f600"),
    ("CHR('\\u004b!')", "K!"),
    ("CHR(-1)", None),
    ("MD5('abc')", "900150983cd24fb0d6963f7d28e17f72"),
    ("UUID(NB)", None),
    ("UUID(B)", None),
    ("UUID(TO_BYTES('4ea8c1bee4bb4fa39fa31b5be2b8d6b1', 'hex'))", "4ea8c1be-e4bb-4fa3-9fa3-1b5be2b8d6b1"),
    # encodings
    ("ENCODE('4578616d706C6521', 'hex', 'ascii')", "Example!"),
    ("ENCODE('0x6a', 'HEX', 'utf8')", "j"),
    ("ENCODE('0xa', 'hex', 'base64')", "Cg=="),
    ("ENCODE('x''6a''', 'hex', 'utf8')", "j"),
    ("ENCODE('Exámplê', 'utf8', 'ascii')", "Ex??mpl??".replace("?", "�")),
    ("ENCODE('é', 'ascii', 'utf8')", "?"),
    ("ENCODE('j', 'ascii', 'hex')", "6a"),
    ("FROM_BYTES(TO_BYTES('6a6B', 'hex'), 'hex')", "6A6B"),
    ("FROM_BYTES(B, 'base64')", "YWJj"),
    ("INT_FROM_BYTES(TO_BYTES('fffffffe', 'hex'))", -2),
    ("BIGINT_FROM_BYTES(TO_BYTES('0100000000000000', 'hex'), 'LITTLE_ENDIAN')", 1),
    ("DOUBLE_FROM_BYTES(TO_BYTES('3ff8000000000000', 'hex'))", 1.5),
    # masks: upper, lower, digit, other; NULL leaves a class alone
    ("MASK('My Test $123')", "Xx-Xxxx--nnn"),
    ("MASK('My Test $123', '*', NULL, '1', NULL)", "*y *est $111"),
    ("MASK_LEFT('Abc123', 4)", "Xxxn23"),
    ("MASK(FACE)", "x--x"),
    ("MASK_RIGHT('Abc123', 4, 'U', 'l', 'd', 'o')", "Abllddd"[:2] + "lddd"),
    ("MASK_KEEP_LEFT('Abc123', 2)", "Abxnnn"),
    ("MASK_KEEP_RIGHT('Abc123', 2)", "Xxxn23"),
    # regular expressions in Java's dialect
    ("REGEXP_EXTRACT('test', 'my test string')", "test"),
    ("REGEXP_EXTRACT('(.*) (.*)', 'hello there', 2)", "there"),
    ("REGEXP_EXTRACT('x', 'abc')", None),
    ("REGEXP_EXTRACT('a', 'abc', 1)", None),
    ("REGEXP_EXTRACT_ALL('ca?t', 'my cat ct')", ["cat", "ct"]),
    ("REGEXP_EXTRACT_ALL('x', 'abc')", []),
    ("REGEXP_REPLACE('foobar', '(o+)(b)', '$2\\$')", "fb$ar"),
    ("REGEXP_SPLIT_TO_ARRAY(',a,,b,', ',')", ["", "a", "", "b", ""]),
    ("REGEXP_SPLIT_TO_ARRAY('aabcda', '(ab|cd)')", ["a", "", "a"]),
    ("REGEXP_SPLIT_TO_ARRAY('z', '')", ["z"]),
    ("REGEXP_SPLIT_TO_ARRAY('aab', '')", ["a", "a", "b"]),
    ("REGEXP_SPLIT_TO_ARRAY('ab', 'x*')", ["a", "b"]),
    # URLs
    ("URL_EXTRACT_PROTOCOL('http://a.b')", "http"),
    ("URL_EXTRACT_HOST('https://user:pw@a.b:80/p')", "a.b"),
    ("URL_EXTRACT_PORT('https://a.b:80/p')", 80),
    ("URL_EXTRACT_PORT('https://a.b/p')", None),
    ("URL_EXTRACT_PATH('https://a.b/p%20q?x')", "/p q"),
    ("URL_EXTRACT_PATH('https://a.b')", ""),
    ("URL_EXTRACT_QUERY('https://a.b?x%3D1#f')", "x=1"),
    ("URL_EXTRACT_FRAGMENT('https://a.b#f%41')", "fA"),
    ("URL_EXTRACT_PARAMETER('https://a.b?x=1&y&x=2', 'x')", "1"),
    ("URL_EXTRACT_PARAMETER('https://a.b?x=1&y', 'y')", ""),
    ("URL_EXTRACT_PARAMETER('https://a.b?x=1', 'z')", None),
    ("URL_ENCODE_PARAM('a b~*é&')", "a+b%7E*%C3%A9%26"),
    ("URL_DECODE_PARAM('a+b%26')", "a b&"),
    # JSON
    ('EXTRACTJSONFIELD(\'{"a": [1, {"b c": 1.50}]}\', \'$.a[1]["b c"]\')', "1.50"),
    ("EXTRACTJSONFIELD('{\"a\": \"x\"}} trailing', '$.a')", "x"),
    ("EXTRACTJSONFIELD('{\"a\": null}', '$.a')", "null"),
    ("EXTRACTJSONFIELD('{\"a\": {\"b\": [true]}}', '$.a')", '{"b":[true]}'),
    ("EXTRACTJSONFIELD('{\"a\": [1]}', '$.a[-1]')", None),
    ("EXTRACTJSONFIELD('{\"a\": [1]}', '$.b.c')", None),
    ("EXTRACTJSONFIELD('{\"a\": [1]}', '$.a[x]')", None),
    ("EXTRACTJSONFIELD('{\"a\": [1]}', '$.a.0')", "1"),
    ('EXTRACTJSONFIELD(\'{"a": {"x": 1, "0": 2}}\', \'$.a[x]\')', "1"),
    ('EXTRACTJSONFIELD(\'{"a": {"x": 1, "0": 2}}\', \'$.a[0]\')', "2"),
    ("EXTRACTJSONFIELD('{\"@type\": 1}', '$.@type')", "1"),
    ("IS_JSON_STRING('12')", True),
    ("IS_JSON_STRING('')", False),
    ("IS_JSON_STRING('[1')", False),
    ("IS_JSON_STRING(NS)", False),
    ("JSON_ARRAY_CONTAINS('[1, 2.0, \"x\", null, [3]]', 1)", True),
    ("JSON_ARRAY_CONTAINS('[1]', 1E0)", False),
    ("JSON_ARRAY_CONTAINS('[2.0]', 2E0)", True),
    ("JSON_ARRAY_CONTAINS('[null]', NS)", True),
    ("JSON_ARRAY_CONTAINS('[true]', 'true')", False),
    ("JSON_ARRAY_CONTAINS('oops', 1)", False),
    ("JSON_ARRAY_LENGTH('[1, [2]]')", 2),
    ("JSON_ARRAY_LENGTH('{}')", None),
    ("JSON_CONCAT('{\"a\": 1}', '{\"b\": 2.50}')", '{"a":1,"b":2.50}'),
    ("JSON_CONCAT('[1]', '{\"a\": 1}', 'null')", '[1,{"a":1},null]'),
    ("JSON_CONCAT('[1]', NS)", None),
    ("JSON_ITEMS('[\"a\", 1]')", ['"a"', "1"]),
    ('JSON_KEYS(\'{"b": 1, "a": 2}\')', ["b", "a"]),
    ('JSON_RECORDS(\'{"a": "x", "b": [1]}\')', {"a": "x", "b": "[1]"}),
    ("TO_JSON_STRING(STRUCT(b := 1.50, a := MAP('z' := 1E10)))", '{"A":{"z":1.0E10},"B":1.50}'),
    ("TO_JSON_STRING(FROM_UNIXTIME(0))", '"1970-01-01T00:00:00.000"'),
    ("TO_JSON_STRING(NS)", "null"),
]


@pytest.mark.parametrize(("text", "value"), VALUES, ids=[text for text, _ in VALUES])
def test_a_text_function_gives_its_value(text: str, value: object) -> None:
    found = evaluate(text, COLUMNS)
    assert same(found.value, value), found.value
    assert found.failures == ()
    assert not found.raised


FAILING = [
    "ENCODE('abc', 'hex', 'hex')",
    "ENCODE('abc', 'hex', 'ascii')",
    "TO_BYTES('*', 'base64')",
    "TO_BYTES('a', 'utf7')",
    "INT_FROM_BYTES(B)",
    "BIGINT_FROM_BYTES(TO_BYTES('0100000000000000', 'hex'), 'MIDDLE')",
    "MASK('a', 'xx', 'x', 'x', 'x')",
    "MASK_LEFT('a', -1)",
    "ELT(NI, 'a')",
    "REGEXP_EXTRACT('(', 'a')",
    "REGEXP_REPLACE('a', 'a', '$1')",
    "URL_EXTRACT_HOST('http://a b')",
    "URL_DECODE_PARAM('%zz')",
    "EXTRACTJSONFIELD('{', '$.a')",
    "EXTRACTJSONFIELD('{}', 'a')",
    "EXTRACTJSONFIELD('{}', '$.*')",
    "EXTRACTJSONFIELD('{}', '$.a[?(@.b)]')",
    "JSON_ITEMS('{}')",
    "JSON_KEYS('[')",
    "JSON_ARRAY_CONTAINS(NS, 1)",
]


@pytest.mark.parametrize("text", FAILING)
def test_a_text_function_refuses(text: str) -> None:
    found = evaluate(text, COLUMNS)
    assert found.raised
    assert found.value is None
    assert len(found.failures) == 1


def test_a_random_uuid_is_another_one_each_time() -> None:
    assert evaluate("UUID()", check=False).value != evaluate("UUID()", check=False).value
