# SPDX-License-Identifier: Apache-2.0
"""A connection with the model beside it: whatever is asked, both must agree."""

from console_model import KEPT, OWN, Oracle, fits

from edgeleak.console.tree import Level


def kept_now(bench):
    """Where the model begins: the answers of all settings."""
    session = bench.session()
    return {name: bench.ask(f"{name}?", session=session)[0] for name in KEPT if name not in OWN}


class Talk:
    """One connection and the model beside it."""

    def __init__(self, bench):
        self.bench = bench
        self.oracle = Oracle(bench, kept_now(bench))
        self.oracle.pins = {level for level in ("OPERATE", "SERVICE")
                            if bench.ask(f"SYST:PIN? {level}")[0] == "1"}  # fmt: skip
        self.connect(Level.SERVICE)

    def connect(self, level):
        self.session = self.bench.session(level, is_owner=level == Level.LOOK)
        self.oracle.connect(level)

    def ask(self, line):
        """One line; its errors, its answer and what it keeps agree with the model."""
        wanted = self.oracle.errors(line)
        text, errors = self.bench.ask(line.text, session=self.session)
        error = errors[0] if errors else 0
        assert error in wanted, (line.text, self.session.level, error, wanted)
        assert len(errors) <= 1
        assert self.session.defects == 0, line.text
        assert bool(text) == (line.command.is_query and not error), (line.text, text, error)
        if text:
            assert fits(line.command.answer, text), (line.text, line.command.answer, text)
        self.oracle.tell(line, error)
        self.look(line.command.header.rstrip("?"))

    def look(self, header):
        """The setting that was spoken of, as its query has it."""
        if header in KEPT:
            text, errors = self.bench.ask(f"{header}?", session=self.session)
            assert not errors
            assert self.oracle.agrees(header, text), (header, text, self.oracle.kept)
