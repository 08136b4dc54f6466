# SPDX-License-Identifier: Apache-2.0
"""What is kept when the short stretch fails in memory and not as a file."""

import pytest

from edgeleak.blackbox import shrink
from edgeleak.errors import DataError

CASE = shrink.Case("x", "x", 1.0, 9.0, False)


def saved(tmp_path, monkeypatch, fails):
    """(what was written, what came of it); `fails` says which past fails as a file."""
    written = []
    monkeypatch.setattr(shrink, "_records", lambda one, painted, thin: [one.past, painted, thin])
    monkeypatch.setattr(shrink.box, "write", lambda path, records: written.append(records) or 7)

    def said_by(path):
        return ("said", 3.0) if written[-1][0] in fails else None

    monkeypatch.setattr(shrink, "said_by", said_by)
    case = shrink.Shrunk(CASE, "short", "whole", [], 5)
    return written, shrink.save(case, tmp_path / "case.elbb", (2, 2))


@pytest.mark.parametrize(("fails", "tries"), [(("short", "whole"), 1), (("whole",), 5)])
def test_the_whole_way_is_kept_where_the_short_one_does_not_fail(
    tmp_path, monkeypatch, fails, tries
):
    written, done = saved(tmp_path, monkeypatch, fails)
    assert len(written) == tries + 1
    assert (done.past, done.size, done.case.at_s) == (fails[0], 7, 3.0)


def test_what_never_fails_as_a_file_is_said(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="not even whole"):
        saved(tmp_path, monkeypatch, ())
