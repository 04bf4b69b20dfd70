"""The parsers of Realtime, for anything that may come."""

import contextlib
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smeboost_emulators.supabase.realtime.filters import Condition, FilterRefused, read_filter
from smeboost_emulators.supabase.realtime.frames import (
    Broadcast,
    FrameRefused,
    Outgoing,
    Version,
    decode_binary,
    decode_text,
)
from smeboost_emulators.supabase.realtime.pgoutput import (
    UNCHANGED,
    Begin,
    Change,
    MalformedMessage,
    WireColumn,
    WireRelation,
    read_message,
)

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
OIDS = st.integers(0, 2**32 - 1)
ROWS = st.lists(st.one_of(st.none(), st.just(UNCHANGED), st.text(st.characters(exclude_categories=["Cs"]))), max_size=9)


def row_bytes(row):
    parts = [struct.pack("!h", len(row))]
    for value in row:
        if value is None:
            parts.append(b"n")
        elif value is UNCHANGED:
            parts.append(b"u")
        else:
            parts.append(b"t" + struct.pack("!i", len(value.encode())) + value.encode())
    return b"".join(parts)


@given(OIDS, ROWS, ROWS, st.sampled_from(["", "K", "O"]))
def test_rows_are_read_as_they_were_written(oid, new, old, mark):
    start = struct.pack("!I", oid)
    before = mark.encode() + row_bytes(old) if mark else b""
    kept = tuple(old) if mark else None
    assert read_message(b"I" + start + b"N" + row_bytes(new)) == Change("INSERT", oid, tuple(new), None)
    updated = read_message(b"U" + start + before + b"N" + row_bytes(new))
    assert updated == Change("UPDATE", oid, tuple(new), kept, mark == "O")
    if mark:
        assert read_message(b"D" + start + before) == Change("DELETE", oid, None, kept, mark == "O")


@given(OIDS, NAMES, NAMES, st.lists(st.tuples(NAMES, OIDS), max_size=9))
def test_tables_are_read_as_they_were_written(oid, schema, name, columns):
    body = b"".join(b"\1" + column.encode() + b"\0" + struct.pack("!Ii", kind, -1) for column, kind in columns)
    data = (
        b"R"
        + struct.pack("!I", oid)
        + schema.encode()
        + b"\0"
        + name.encode()
        + b"\0d"
        + struct.pack("!h", len(columns))
        + body
    )
    assert read_message(data) == WireRelation(oid, schema, name, tuple(WireColumn(*column) for column in columns))


def test_a_transaction_begins_with_its_time():
    begun = read_message(b"B" + struct.pack("!QqI", 1, 86_400_000_000, 7))
    assert isinstance(begun, Begin)
    assert begun.position == 1
    assert begun.committed_at.isoformat() == "2000-01-02T00:00:00+00:00"


@given(st.binary(max_size=60))
def test_any_other_bytes_are_refused(data):
    with contextlib.suppress(MalformedMessage):
        read_message(data)


@given(st.binary(max_size=60), st.sampled_from(list(Version)), st.text(max_size=40))
def test_any_frame_is_a_message_or_refused(data, version, text):
    for attempt in (lambda: decode_binary(data), lambda: decode_text(version, text)):
        with contextlib.suppress(FrameRefused):
            attempt()


@given(NAMES, NAMES, st.binary(max_size=40))
def test_a_binary_broadcast_comes_back_as_it_was_sent(topic, event, payload):
    names = [b"1", b"22", topic.encode(), event.encode(), b""]
    pushed = decode_binary(bytes([3, *map(len, names), 0]) + b"".join(names) + payload)
    assert (pushed.topic, pushed.ref, pushed.join_ref) == (topic, "22", "1")
    assert pushed.broadcast == Broadcast(event, payload, binary=True)
    frame = Outgoing(topic, "broadcast", pushed.broadcast).frame(Version.ARRAYS)
    assert isinstance(frame, bytes)
    assert frame == bytes([4, len(names[2]), len(names[3]), 0, 0]) + names[2] + names[3] + payload
    assert Outgoing(topic, "broadcast", pushed.broadcast).frame(Version.OBJECTS) is None


def test_a_broadcast_whose_names_are_too_long_for_binary_travels_as_text():
    frame = Outgoing("t" * 300, "broadcast", Broadcast("e", b'{"n":1}')).frame(Version.ARRAYS)
    assert isinstance(frame, str)
    assert json.loads(frame)[4] == {"type": "broadcast", "event": "e", "payload": {"n": 1}}


@given(NAMES.filter(lambda name: "=" not in name and name == name.strip()), st.text(max_size=20))
def test_a_value_of_a_filter_is_taken_as_it_is(column, value):
    if "\0" in value or "," in value or "," in column:
        return
    assert read_filter(f"{column}=eq.{value}") == (Condition(column, "eq", value),)


@given(st.lists(st.text(st.characters(exclude_characters="\0"), max_size=8), min_size=1, max_size=9))
def test_quoted_values_of_in_are_an_array(values):
    written = ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    (condition,) = read_filter(f"c=in.({written})")
    assert condition == Condition("c", "in", "{" + written + "}")


@pytest.mark.parametrize(
    "text",
    ["", "a", "a=", "a=b", "a=eq", "=eq.1", "a=is.1", "a=in.", 'a=in.("x)', "a=in.(" + "1," * 200 + "1)", "a=eq.\0"],
)
def test_what_is_no_filter_is_refused(text):
    with pytest.raises(FilterRefused):
        read_filter(text)
