# SPDX-License-Identifier: Apache-2.0
"""The same tree for people: Ctrl-B opens it, Ctrl-A or `exit` leaves it.

A line editor in a few keys (arrows, Tab, Backspace, Ctrl-U, Ctrl-C), answers with their errors
in plain words, `help` from the registry.  It holds no command of its own but those of looking:
everything that changes something is a command of the tree, with its level and its log line.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from edgeleak.clock import NS_PER_S
from edgeleak.console.completion import fitting
from edgeleak.console.masking import is_secret, shown
from edgeleak.console.scpi import units
from edgeleak.console.session import Session
from edgeleak.console.tree import Command

CTRL_A, CTRL_B = b"\x01", b"\x02"
CTRL_C, TAB, BACKSPACE, CTRL_U, ESCAPE, DELETE = 0x03, 0x09, 0x08, 0x15, 0x1B, 0x7F
ENTER = (0x0A, 0x0D)
PROMPT = "edgeleak> "
LINE_MOST, HISTORY_MOST = 512, 100
ALSO = {"nuc": "correction", "tec": "cooler", "grab": "snapshot", "agc": "black", "login": "pin"}
"""What a word is called in the commands' own help."""
ARROWS = {b"\x1b[A": -1, b"\x1b[B": 1, b"\x1bOA": -1, b"\x1bOB": 1}
WHOLE_KEY = re.compile(rb"\x1b(\[\[?[0-?]*[ -/]*[@-Z\\-~]|O[0-9;]*[@-~]|[^[O])", re.DOTALL)
"""Escape sequence of a key up to its last byte: ECMA-48, SS3, `[[A` of a Linux console."""
ESCAPE_MOST = 16
HELP_COLUMN, SHOWN_MOST = 40, 40
FOLLOWED = "under way; any key ends the wait, not what is under way"
COMMAND_ERRORS = range(-199, -99)
"""Their details repeat what was typed."""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A word for people.

    help : one line
    run  : (session, words) -> text, or the SCPI line to run instead when it starts with ":"
    done : what to say when that line was carried out; None echoes the setting
    takes, also : headers of the settings whose values may follow, and other words that may
    """

    help: str
    run: Callable[[Session, list[str]], str]
    done: Callable[[], str] | None = None
    takes: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


Outcome = Callable[[], str]
"""Asked again and again what became of a command: a text, or nothing while it is under way."""


class HumanMode:
    """Line editing and plain answers over one session.

    session   : runs what is typed
    banner    : text shown on entering: version, state, fault
    shortcuts : words besides the tree
    live      : one line for `watch`
    beside    : header of a setting -> what is shown below its echo
    outcomes  : header of a command that only asks for something -> what tells its end
    """

    def __init__(self, session: Session, banner: Callable[[], str],
                 shortcuts: Mapping[str, Shortcut], live: Callable[[], str],
                 beside: Callable[[str], str] = lambda node: "",
                 outcomes: Mapping[str, Callable[[], Outcome]] | None = None) -> None:  # fmt: skip
        self._session, self._banner, self._live = session, banner, live
        self._beside, self._outcomes = beside, dict(outcomes or {})
        self._shortcuts = dict(shortcuts)
        self.is_on = False
        self._line, self._escape = bytearray(), b""
        self._history: list[str] = []
        self._at, self._watch_ns, self._next_ns = 0, 0, 0
        self._last_enter = 0
        self._asked = ""
        self._done: Callable[[], str] | None = None
        self._outcome: Outcome | None = None

    def enter(self) -> bytes:
        """Banner and prompt."""
        self.is_on = True
        self._line.clear()
        earlier = self._errors("earlier error")
        return _text(f"\n{self._banner()}\n{earlier}Type help, or Ctrl-A to leave.\n{PROMPT}")

    def leave(self) -> bytes:
        """Back to silence and to the level of the connection; nothing of the person stays."""
        self.is_on, self._watch_ns, self._outcome = False, 0, None
        self.forget()
        self._session.log_out()
        return _text("\n")

    def forget(self) -> None:
        """What was typed."""
        self._line.clear()
        self._history, self._at, self._escape = [], 0, b""

    def tick(self, now_ns: int) -> bytes:
        """What a long command came to, or a line of `watch` when it is due."""
        if self._asked:
            return self._finish()
        if self._outcome is not None and (text := self._outcome()):
            self._outcome = None
            return _text(f"{text}\n{PROMPT}")
        if not self._watch_ns or now_ns < self._next_ns:
            return b""
        self._next_ns = now_ns + self._watch_ns
        return _text(f"\r{self._live()}\x1b[K")

    def feed(self, data: bytes) -> bytes:
        """Echo and answers to what was typed."""
        out = bytearray()
        for byte in data:
            if not self.is_on:
                break  # what follows `exit` was not meant for SCPI
            out += self._key(byte)
        return bytes(out)

    @property
    def is_busy(self) -> bool:
        """A command is still under way: `tick` brings its end, keys wait."""
        return bool(self._asked)

    def _finish(self) -> bytes:
        raw = self._session.resume()
        if self._session.is_busy:
            return b""
        line, self._asked = self._asked, ""
        return _text(_ended(self._said(line, raw)) + self._prompt())

    def _key(self, byte: int) -> bytes:
        if self._watch_ns:
            self._watch_ns = 0
            return _text(f"\n{PROMPT}")
        if self._outcome is not None:
            self._outcome = None
            return _text(f"not waited for any more\n{PROMPT}") + self._key(byte)
        if byte == ESCAPE or (self._escape and byte >= 0x20):
            return self._sequence(byte)
        self._escape = b""
        was, self._last_enter = self._last_enter, byte if byte in ENTER else 0
        if byte in ENTER:
            return b"" if was and was != byte else self._enter()
        if byte in (BACKSPACE, DELETE):
            return self._rub_out(1)
        if byte == CTRL_U:
            return self._rub_out(len(self._line))
        if byte == CTRL_C:
            self._line.clear()
            return _text(f"^C\n{PROMPT}")
        if byte == TAB:
            return self._complete()
        if 0x20 <= byte < 0x7F and len(self._line) < LINE_MOST:
            self._line.append(byte)
            return shown(self._line.decode("ascii"))[-1:].encode()
        return b"\x07"

    def _sequence(self, byte: int) -> bytes:
        """Collect an escape sequence; only up and down mean something."""
        self._escape = b"\x1b" if byte == ESCAPE else self._escape + bytes((byte,))
        if WHOLE_KEY.fullmatch(self._escape) is None and len(self._escape) < ESCAPE_MOST:
            return b""
        key, self._escape = self._escape, b""
        step = ARROWS.get(key, 0)
        wanted = self._at + step
        if not step or not 0 <= wanted <= len(self._history):
            return b""
        self._at = wanted
        text = self._history[wanted] if wanted < len(self._history) else ""
        cleared = self._rub_out(len(self._line))
        self._line[:] = text.encode()
        return cleared + self._line

    def _rub_out(self, count: int) -> bytes:
        count = min(count, len(self._line))
        if count:
            del self._line[-count:]
        return b"\b \b" * count

    def _enter(self) -> bytes:
        line = self._line.decode("ascii").strip()
        self._line.clear()
        if not line:
            return _text(f"\n{PROMPT}")
        is_new = not self._history or self._history[-1] != line
        if is_new and not is_secret(line):
            self._history = [*self._history[1 - HISTORY_MOST :], line]
        self._at = len(self._history)
        level = self._session.level
        answer = self.run(line)
        if self._session.level < level:
            self.forget()
        if not self.is_on:
            return _text("\n")
        return _text("\n" + _ended(answer) + self._prompt())

    def _prompt(self) -> str:
        """Nothing while something else is going to be said."""
        is_open = self._watch_ns or self._asked or self._outcome is not None
        return "" if is_open else PROMPT

    def run(self, line: str) -> str:
        """Answer to one line, errors in words."""
        words, self._done = line.split(), None
        name = words[0].lower()
        if name in ("exit", "quit"):
            self.leave()
            return ""
        if name == "help":
            return self._help(" ".join(words[1:]))
        if name == "watch":
            return self._watch(words[1:])
        for count in (2, 1):
            shortcut = self._shortcuts.get(" ".join(words[:count]).lower())
            if shortcut is not None:
                return self._shortcut(" ".join(words[:count]).lower(), shortcut, words[count:])
        return self._scpi(line)

    def _shortcut(self, name: str, shortcut: Shortcut, words: list[str]) -> str:
        """What one word for people says; words it has no use for are refused."""
        if words and not (shortcut.takes or shortcut.also):
            return f"nothing done: {name} takes nothing behind it; {name}: {shortcut.help}"
        self._done = shortcut.done
        answer = shortcut.run(self._session, words)
        return self._scpi(answer) if answer.startswith(":") else answer

    def _scpi(self, line: str) -> str:
        raw = self._session.execute(line.encode())
        if self._session.is_busy:
            self._asked = line
            return ""
        return self._said(line, raw)

    def _said(self, line: str, raw: bytes) -> str:
        """An answer with its errors in words; a setting is echoed as it is now."""
        text = _readable(raw)
        if not text and not self._session.status.errors:
            text = self._done() if self._done else self._began(line) or self._echo(line)
        return _ended(text) + self._errors("error", line) or "done"

    def _began(self, line: str) -> str:
        """What became of a command that only asks for something; nothing for any other."""
        made = next((self._outcomes[command.header] for _, command in self._set(line)
                     if command.header in self._outcomes), None)  # fmt: skip
        if made is None:
            return ""
        outcome = made()
        text = outcome()
        self._outcome = None if text else outcome
        return text or FOLLOWED

    def _set(self, line: str) -> Iterator[tuple[str, Command]]:
        """Path and command of each setting and action of a line that was carried out."""
        for unit in units(line.encode()):
            if not (unit.is_query or unit.path[0].startswith("*")):
                yield ":".join(unit.path), self._session.tree.find(unit.path, False)

    def _errors(self, word: str, line: str = "") -> str:
        """All that wait, in words."""
        text = ""
        while self._session.status.errors:
            number, said = self._session.status.take_error()
            if number in COMMAND_ERRORS and is_secret(line):
                said = said.partition(";")[0]
            text += f"{word} {number}: {said.replace(';', ': ', 1)}\n"
            if number == -113 and line:
                text += self._nearest(line)
        return text

    def _echo(self, line: str) -> str:
        """What the queries of the settings answer, where there are any, and what stands beside."""
        tree, text, beside = self._session.tree, "", ""
        for node, command in self._set(line):
            path = tuple(node.split(":"))
            if not tree.has(path, True) or tree.find(path, True).parameters:
                continue
            text += _ended(f"{node} {_readable(self._session.execute(f'{node}?'.encode()))}")
            beside = beside or self._beside(command.header)
        return text + beside

    def _nearest(self, line: str) -> str:
        wanted = line.split()[0].upper()
        known = [command.header.upper() for command in self._session.tree.commands]
        near = difflib.get_close_matches(wanted, [*known, *map(str.upper, self._shortcuts)], 3, 0.5)
        hint = f"nearest: {', '.join(near)}; " if near else ""
        return f"  {hint}type help for all commands\n"

    def _watch(self, words: list[str]) -> str:
        try:
            period_s = float(words[0]) if words else 1.0
        except ValueError:
            period_s = 0.0
        if not 0.1 <= period_s <= 3600:
            return "watch: give seconds between lines, 0.1 to 3600"
        self._watch_ns, self._next_ns = round(period_s * NS_PER_S), 0
        return "any key ends it"

    def _help(self, about: str) -> str:
        if about:
            return self._help_on(about)
        rows = [f"  {name:<{HELP_COLUMN - 2}}{shortcut.help}"
                for name, shortcut in sorted(self._shortcuts.items())]  # fmt: skip
        rows += [f"  {'watch [seconds]':<{HELP_COLUMN - 2}}one line again and again",
                 f"  {'help [word]':<{HELP_COLUMN - 2}}this list, or what has to do with the word",
                 f"  {'exit':<{HELP_COLUMN - 2}}leave, as Ctrl-A does"]  # fmt: skip
        groups = sorted({command.header.split(":")[0].split("[")[0].rstrip("?")
                         for command in self._session.tree.commands
                         if not command.header.startswith("*")})  # fmt: skip
        return "\n".join((*rows, f"  SCPI: {', '.join(groups)}; for example: help nuc"))

    def _help_on(self, about: str) -> str:
        """Everything with a word that begins so."""
        wanted = about.lower()
        begun = re.compile("|".join(rf"(?<![a-z0-9]){re.escape(word)}"
                                    for word in (wanted, ALSO.get(wanted, wanted))))  # fmt: skip
        rows = [f"  {name:<{HELP_COLUMN - 2}}{shortcut.help}"
                for name, shortcut in sorted(self._shortcuts.items())
                if begun.search(f"{name} {shortcut.help}".lower())]  # fmt: skip
        rows += [
            described(command)
            for command in self._session.tree.commands
            if begun.search(f"{command.header} {command.help}".lower())
        ]
        return "\n".join(rows) or f"nothing is known about '{about}'; type help"

    def _complete(self) -> bytes:
        """Finish the word as far as all that fits agrees, else show what fits."""
        typed = self._line.decode("ascii")
        found = fitting(typed, self._session.tree, self._shortcuts)
        part, (_, words, hint) = typed[found.begin :], found
        if len(found.agreed) > len(part):
            rest = words[0][len(part) : len(found.agreed)]
            rest = rest.lower() if typed.islower() else rest
            self._line += rest.encode()
            return rest.encode()
        if len(words) < 2 and not hint:
            return b"\x07"
        rows = [hint] * bool(hint) + ["  ".join(words[:SHOWN_MOST])] * bool(words)
        return _text("\n" + "\n".join(rows) + f"\n{PROMPT}{shown(typed)}")


def described(command: Command) -> str:
    """One line of help: header, parameters, what it does."""
    names = [f"<{p.name}>" for p in command.parameters]
    names[command.least :] = [f"[{name}]" for name in names[command.least :]]
    head = f"  {command.header} {', '.join(names)}".rstrip()
    ranges = "; ".join(p.spoken() for p in command.parameters)
    return f"{head:<{HELP_COLUMN}}{command.help}" + (f" ({ranges})" if ranges else "")


def _ended(text: str) -> str:
    """With one line end, nothing stays nothing."""
    return text.rstrip("\n") + "\n" if text else ""


def _readable(raw: bytes) -> str:
    """An answer as text; a block of text without its head, other blocks by their size."""
    if raw[:1] == b"#" and raw[1:2].isdigit():
        raw = raw[2 + int(raw[1:2]) :]
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        return f"{len(raw) - 1} bytes of data\n"
    return text if text.isprintable() or all(c.isprintable() or c in "\n\t" for c in text) else (
        f"{len(raw) - 1} bytes of data\n")  # fmt: skip


def _text(text: str) -> bytes:
    """Terminal line ends."""
    return text.replace("\n", "\r\n").encode("ascii", "replace")
