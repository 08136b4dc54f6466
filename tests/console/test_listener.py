# SPDX-License-Identifier: Apache-2.0
"""The unix socket: levels by user, places for everybody, its file."""

import socket
import stat

import pytest
from console_bench import Console

from edgeleak.console.listener import PEERS_MOST, USER_MOST, UnixListener
from edgeleak.console.server import WELCOME_NS
from edgeleak.console.tree import Level
from edgeleak.errors import StorageError


def test_sockets_have_the_level_of_their_user_and_a_limit(console, tmp_path):
    server = console.console.server
    server._listener = UnixListener(tmp_path / "scpi")
    assert stat.S_ISSOCK((tmp_path / "scpi").stat().st_mode)
    clients = []
    for _ in range(USER_MOST + 2):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(tmp_path / "scpi"))
        clients.append(client)
        console.poll()
    assert len(server.peers) == 1 + USER_MOST
    clients[0].send(b"SYST:LEV?\n")
    console.poll(20)
    assert clients[0].recv(100) == b"OPER\n"
    clients[0].close()
    console.poll(20)
    assert len(server.peers) == USER_MOST
    console.console.close()
    assert not (tmp_path / "scpi").exists()


def connected(path, count):
    """Sockets that have connected and say nothing."""
    found = [socket.socket(socket.AF_UNIX) for _ in range(count)]
    for client in found:
        client.connect(str(path))
    return found


def silent_clients(console, listener, count):
    """Sockets that say nothing, all taken."""
    found = []
    for _ in range(count):
        found += connected(listener.path, 1)
        console.poll()
    return found


@pytest.mark.parametrize(("accept_ns", "polls"), [(1, 1), (WELCOME_NS // 2, 2), (WELCOME_NS, 2)])
def test_clients_that_wait_come_in_together_as_far_as_the_time_goes(
    console, tmp_path, accept_ns, polls
):
    server, path, time_ns = console.console.server, tmp_path / "scpi", [0]
    server._listener = listener = UnixListener(path)
    accept = listener.accept

    def slowly():
        time_ns[0] += accept_ns
        return accept()

    listener.accept, server._clock_ns = slowly, lambda: time_ns[0]
    clients = connected(path, USER_MOST)
    console.poll(polls - 1)
    assert len(server.peers) < 1 + USER_MOST
    console.poll()
    assert len(server.peers) == 1 + USER_MOST
    for client in clients:
        client.close()
    console.console.close()


@pytest.fixture
def crowd(tmp_path):
    """A console whose sockets come from whom the test says, root being the instrument's user."""
    console = Console(tmp_path)
    listener = UnixListener(tmp_path / "scpi")
    console.console.server._listener = listener
    listener.operators = {"user 0", "user 900"}
    accept, held = listener.accept, []

    def come(user, count=1):
        """So many more of this user's clients; how many of them got a place."""
        level = Level.OPERATE if user in listener.operators else Level.LOOK

        def accepted():
            found = accept()
            if found is None:
                return None
            found[0].who = user
            return found[0], level

        listener.accept, before = accepted, len(console.console.server.peers)
        held.extend(silent_clients(console, listener, count))
        return len(console.console.server.peers) - before

    console.come = come
    yield console
    for client in held:
        client.close()
    console.console.close()


def test_one_users_clients_leave_places_for_the_others(crowd):
    assert crowd.come("user 1000", 20) == USER_MOST
    assert crowd.come("user 1001", 20) == 1
    assert crowd.come("user 0", 20) == 1
    assert crowd.come("user 900") == 1
    assert len(crowd.console.server.peers) == PEERS_MOST
    assert crowd.come("user 900") == 0


def test_root_does_not_take_the_place_of_the_service_nor_the_service_that_of_root(crowd):
    assert crowd.come("user 0", 20) == USER_MOST
    assert crowd.come("user 1000", 20) == PEERS_MOST - 1 - USER_MOST - 1
    assert crowd.come("user 900") == 1


def test_who_got_no_place_is_a_line_of_the_log_ten_times_a_minute(crowd):
    crowd.come("user 1000", 40)
    said = [line for line in crowd.lines if "no place" in line]
    assert len(said) == 10
    assert f"{USER_MOST} connections of this user" in said[0]


def test_who_may_only_look_keeps_no_place_for_ever(crowd):
    assert crowd.come("user 0") + crowd.come("user 900") == 2
    assert crowd.come("user 1000", 20) + crowd.come("user 1001", 20) == PEERS_MOST - 4
    assert crowd.come("user 0") == 1
    crowd.at_ns += 601 * 10**9
    crowd.poll(PEERS_MOST)
    assert [peer.link.is_lasting for peer in crowd.console.server.peers].count(False) == 3


def test_a_socket_in_use_is_left_to_whoever_listens(tmp_path):
    first = UnixListener(tmp_path / "scpi")
    with pytest.raises(StorageError, match="another instrument"):
        UnixListener(tmp_path / "scpi")
    first._socket.close()  # as a killed process leaves it
    UnixListener(tmp_path / "scpi").close()


def test_a_file_of_that_name_stays(tmp_path):
    (tmp_path / "scpi").write_text("kept")
    with pytest.raises(StorageError, match="this is no socket"):
        UnixListener(tmp_path / "scpi")
    assert (tmp_path / "scpi").read_text() == "kept"


def test_its_name_is_there_only_once_it_answers(tmp_path, monkeypatch):
    seen, listen = [], socket.socket.listen

    def looking(*arguments):
        seen.append((tmp_path / "scpi").exists())
        listen(*arguments)

    monkeypatch.setattr(socket.socket, "listen", looking)
    (tmp_path / ".scpi").write_text("left by a kill")
    listener = UnixListener(tmp_path / "scpi")
    assert seen == [False]
    assert [path.name for path in tmp_path.iterdir()] == ["scpi"]
    listener.close()
