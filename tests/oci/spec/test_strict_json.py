"""JSON that other programs could read differently is refused before anyone acts on it."""

from __future__ import annotations

import json
import time
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oci import limits
from oci.spec.strict_json import BadJsonError, Json, dump, load


def refusal(body: bytes) -> str:
    with pytest.raises(BadJsonError) as refused:
        load(body)
    return refused.value.template


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('{"a":1}'.encode("utf-16"), "not UTF-8"),
        ('{"a":1}'.encode("utf-16-le"), "not JSON"),
        ('{"a":1}'.encode("utf-32"), "not UTF-8"),
        (b'\xef\xbb\xbf{"a":1}', "byte order mark"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b'{"a":"\xc0\x80"}', "not UTF-8"),  # an overlong NUL
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),  # a surrogate in UTF-8
        (b'{"a":NaN}', "NaN"),
        (b'{"a":Infinity}', "NaN"),
        (b'{"a":-Infinity}', "NaN"),
        (b'{"a":1e999}', "too large"),
        (b'{"a":-1e999}', "too large"),
        (b'{"a":1,"a":2}', "same key twice"),
        (b'{"a":1,"\\u0061":2}', "same key twice"),
        (b'{"b":{"a":1,"a":1}}', "same key twice"),
        (b'{"a":' + b"9" * 5000 + b"}", "number is too long"),
        (b'{"a":-' + b"9" * 40 + b"}", "number is too long"),
        (b'{"a":0.' + b"9" * 5000 + b"}", "number is too long"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"a":"\\udc00\\ud800"}', "surrogate"),
        (b'{"\\ud800":1}', "surrogate"),
        (b'{"a":["\\udfff"]}', "surrogate"),
        (b'{"a":"\\u0000"}', "NUL"),
        (b'{"\\u0000":1}', "NUL"),
        (b'{"a":"\x00"}', "not JSON"),
        (b'{"a":1}\x00', "not JSON"),
        (b'{"a":1}{}', "not JSON"),
        (b'{"a":1,}', "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b'{"a":01}', "not JSON"),
        (b'{"a":"\n"}', "not JSON"),
        (b'"unclosed', "not JSON"),
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"[" * 33 + b"]" * 33, "nested too deep"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "nested too deep"),
        (b"[" * 100_000, "nested too deep"),
        (b"[" + b"1," * 150_000 + b"1]", "too many values"),
        (b"[" + b"{}," * 60_000 + b"1]", "too many values"),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else value,
)
def test_it_is_refused(body: bytes, sentence: str) -> None:
    assert sentence in refusal(body)


def test_only_a_bound_is_called_too_large() -> None:
    with pytest.raises(BadJsonError) as deep:
        load(b"[" * 100)
    with pytest.raises(BadJsonError) as wrong:
        load(b"{")
    assert deep.value.too_large
    assert not wrong.value.too_large


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":[1,-2,1.5,true,null,"x"]}', {"a": [1, -2, 1.5, True, None, "x"]}),
        (b'{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}', {"a": "[" * 39}),
        (b'{"a":"\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}', {"a": '"' + "[" * 37}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b'{"a":9223372036854775807}', {"a": 2**63 - 1}),
        (b' \n{ "a" : 1 }\n', {"a": 1}),
        ('{"名":"值"}'.encode(), {"名": "值"}),
        (b"[" * 32 + b"]" * 32, json.loads("[" * 32 + "]" * 32)),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_it_is_read(body: bytes, value: Json) -> None:
    assert load(body) == value


def test_the_worst_body_costs_little_time_and_memory() -> None:
    half = limits.MANIFEST_BYTES // 2
    worst = [b'"' + b"\\\\" * half, b'"' + b'\\"' * half, b"[]," * half, b'"' * half]
    tracemalloc.start()
    began = time.thread_time()
    for body in worst:
        refusal(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.thread_time() - began < 10
    assert peak < 32 * limits.MIB


_text = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=20,
)


@given(_json)
def test_what_is_written_reads_the_same_again(value: Json) -> None:
    assert load(dump(value)) == value


@given(st.binary(max_size=60) | st.from_regex(rb'[\[\]{}",:\\u0-9a-fd8 ]{0,40}', fullmatch=True))
@example(b'"\\')
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        value = load(body)
    except BadJsonError as refused:
        assert refused.template
    else:
        assert json.loads(body) == value


def test_a_dump_has_no_nan() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        dump(float("nan"))
