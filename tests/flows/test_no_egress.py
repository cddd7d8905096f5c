"""Nothing connects to a host that the configuration does not name, seen from the packets themselves."""

import os
import sys
from pathlib import Path

import pytest

from tests.netns import DNS, TCP, UDP, Outcome, Packet, packet_of, run_alone

# The addresses are of the ranges that RFC 5737 and RFC 3849 keep for documents: nobody lives there.
V4, V6 = "192.0.2.1", "2001:db8::1"


def python(code: str, seconds: float = 20.0) -> Outcome:
    return run_alone([sys.executable, "-c", code], seconds=seconds)


# The helper, proven: what tries to leave is seen.


@pytest.mark.parametrize(
    ("code", "packet"),
    [
        (f"socket.create_connection(('{V4}', 443), timeout=0.2)", Packet(V4, TCP, 443)),
        (f"socket.create_connection(('{V6}', 443), timeout=0.2)", Packet(V6, TCP, 443)),
        (f"socket.socket(type=socket.SOCK_DGRAM).sendto(b'hello', ('{V4}', 9))", Packet(V4, UDP, 9)),
    ],
)
def test_a_packet_that_tries_to_leave_is_seen(code: str, packet: Packet) -> None:
    assert packet in python(f"import socket; {code}").packets


def test_a_look_up_of_a_name_is_seen() -> None:
    seen = python("import socket; socket.getaddrinfo('example.org', 443)", seconds=1).packets
    assert any(packet.port == DNS for packet in seen)


def test_a_question_to_a_resolver_on_loopback_is_seen_for_it_would_ask_on() -> None:
    code = "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'who', ('127.0.0.53', 53))"
    assert python(code).packets == (Packet("127.0.0.53", UDP, DNS),)


def test_an_attempt_of_a_grandchild_is_seen() -> None:
    attempt = f"import socket; socket.create_connection(('{V4}', 443), timeout=0.2)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {attempt!r}])"
    assert Packet(V4, TCP, 443) in python(code).packets


def test_an_attempt_that_hangs_is_ended_in_its_time_and_seen() -> None:
    outcome = python(f"import socket; socket.create_connection(('{V4}', 443))", seconds=0.5)
    assert outcome.code is None
    assert outcome.packets == (Packet(V4, TCP, 443),)


def test_talk_on_loopback_works_and_is_nobodys_business() -> None:
    outcome = python(
        "import socket; server = socket.create_server(('127.0.0.1', 0))\n"
        "caller = socket.create_connection(server.getsockname()); caller.send(b'hello')\n"
        "print(server.accept()[0].recv(9))"
    )
    assert outcome.stdout.strip() == b"b'hello'"
    assert (outcome.code, outcome.packets) == (0, ())


def test_the_outside_is_out_of_reach_from_within() -> None:
    code = "import os; print(sorted(os.listdir('/proc/sys/net/ipv4/conf')))"
    assert b"eth" not in python(code).stdout


def test_the_input_and_the_code_of_a_command_are_its_own() -> None:
    echo = "import sys; print(sys.stdin.read().upper()); sys.exit(3)"
    outcome = run_alone([sys.executable, "-c", echo], seconds=20, stdin=b"hello")
    assert (outcome.code, outcome.stdout.strip()) == (3, b"HELLO")


def test_without_unshare_there_is_an_error_and_no_clean_result() -> None:
    with pytest.raises(FileNotFoundError):
        run_alone(["true"], seconds=5, environ={"PATH": "/nowhere"})


def test_without_a_report_from_inside_there_is_an_error_and_no_clean_result() -> None:
    with pytest.raises(RuntimeError, match="no network namespace"):
        run_alone(["true"], seconds=5, environ={**os.environ, "PYTHONHOME": "/nowhere"})


@pytest.mark.parametrize("raw", [b"", b"\x45", bytes(19)])
def test_half_a_packet_is_none(raw: bytes) -> None:
    assert packet_of(0x0800, raw) is None
    assert packet_of(0x86DD, raw) is None


# The product: nothing tries.


def sluicegate(*arguments: str, stdin: bytes = b"", seconds: float = 90.0) -> Outcome:
    command = [sys.executable, "-m", "proxy", *arguments]
    return run_alone(command, seconds=seconds, stdin=stdin, environ=dict(os.environ))


@pytest.mark.slow
def test_redaction_with_presidio_asks_nobody() -> None:
    outcome = sluicegate("redact", stdin=b"Write to anna@example.com or see https://example.org/page\n")
    assert outcome.packets == ()
    assert outcome.code == 0
    assert b"anna@example.com" not in outcome.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_whole_tour_speaks_to_nobody_outside(tmp_path: Path) -> None:
    """A real model, a judge, the proxy with everything on, six steps: and not one packet leaves."""
    tour = [sys.executable, "-m", "proxy", "demo", "--once", "--state", str(tmp_path)]
    outcome = run_alone(tour, seconds=240, environ=dict(os.environ))
    assert outcome.packets == ()
    assert outcome.code == 0, outcome.stdout
