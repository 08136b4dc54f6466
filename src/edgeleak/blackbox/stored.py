# SPDX-License-Identifier: Apache-2.0
"""Calls of a case as records: what was asked as JSON, what came back as it was."""

import json

from edgeleak.blackbox.calls import Call
from edgeleak.blackbox.format import Kind, Record

CALL = 100
"""`op` of a stored call."""
MAIN, LOOPS = 0, 1


def record_of(call: Call, loops_ns: int) -> Record:
    """A call as it is stored; before `loops_ns` it belongs to the start."""
    key = [part.hex() if isinstance(part, bytes) else part for part in call.key]
    asked = json.dumps([call.kind, key, *(at - call.begin_ns for at in call.edges_ns)])
    thread = LOOPS if call.begin_ns >= loops_ns else MAIN
    return Record(Kind.BUS, CALL, thread, call.begin_ns, 0, call.took_ns, -call.errno, 0, 0,
                  asked.encode(), bytes(call.data))  # fmt: skip


def call_of(record: Record) -> Call:
    """The call of a stored record."""
    kind, key, *edges = json.loads(bytes(record.asked))
    if kind == "i2c":
        key[1] = bytes.fromhex(key[1])
    made = Call(kind, tuple(key), record.answered, -record.result, record.begin_ns,
                record.took_ns, record.thread)  # fmt: skip
    made.edges_ns = tuple(record.begin_ns + one for one in edges)
    return made
