"""Runs a command on a machine of its own that has no network, and sees every packet that tries to leave it.

The command gets a fresh network namespace whose only interface is loopback. Every other address is routed
there too, so that an attempt becomes a packet that a socket on loopback sees, and not an error that a library
hides. Nothing answers: an attempt waits until it gives up, as behind a wall that drops. (Linux takes an IPv6
route to loopback for one that refuses: the attempt is read from its own "no route", which quotes it.)

Needs Linux and `unshare` (util-linux), as root or with user namespaces. Where it cannot run it fails; it
never skips. Not seen: who asks a resolver over a unix socket (nscd), which is no packet of this namespace.
"""

import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

HERE = Path(__file__).resolve()

# From linux/if_ether.h, linux/if_packet.h, linux/sockios.h, linux/if.h, linux/route.h and linux/ipv6_route.h.
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 0x0003, 0x0800, 0x86DD
PACKET_OUTGOING = 4
SOL_PACKET, PACKET_STATISTICS = 263, 6
SIOCADDRT, SIOCGIFFLAGS, SIOCSIFFLAGS = 0x890B, 0x8913, 0x8914
IFF_UP, RTF_UP = 0x1, 0x1
LOOPBACK_INDEX = 1  # the first interface of every namespace
TCP, UDP, ICMP6, DNS = 6, 17, 58, 53
NO_ROUTE = 1  # RFC 4443: destination unreachable, with the packet that could not be sent after eight bytes
BUFFER_BYTES = 64 * 1024 * 1024  # what passes on loopback while the sniffing thread waits for its turn


@dataclass(frozen=True, slots=True, order=True)
class Packet:
    """One that tried to leave. `port` is 0 where the protocol has none."""

    address: str
    protocol: int
    port: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the command said, and what it tried. `code` is None when it was ended after its time."""

    code: int | None
    stdout: bytes
    stderr: bytes
    packets: tuple[Packet, ...]


def run_alone(
    command: Sequence[str],
    *,
    seconds: float,
    stdin: bytes = b"",
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Outcome:
    """Raises RuntimeError if there is no namespace to be had, or if packets passed unseen."""
    told, tell = os.pipe()
    namespace = ["--net"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--net"]
    inner = [sys.executable, str(HERE), str(tell), str(seconds), *command]
    try:
        process = subprocess.Popen(
            ["unshare", *namespace, *inner],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[tell],
            env=environ,
            cwd=folder,
        )
    finally:
        os.close(tell)
    with open(told, "rb") as report, process:
        try:
            out, err = process.communicate(stdin, timeout=seconds + 20)
        except subprocess.TimeoutExpired:
            process.kill()  # the inside did not end what it started: it is not the command that is slow
            raise
        document = report.read()
    if not document:
        raise RuntimeError(f"no network namespace: {err.decode(errors='replace')[-500:]}")
    said = json.loads(document)
    if said["unseen"]:
        raise RuntimeError(f"{said['unseen']} packets passed unseen")
    return Outcome(said["code"], out, err, tuple(Packet(*packet) for packet in said["packets"]))


def packet_of(kind: int, raw: bytes) -> Packet | None:
    """The packet, if it was to leave: to an address that is not loopback, or to a resolver on it."""
    address: IPv4Address | IPv6Address
    if kind == ETH_P_IP and len(raw) >= 20:
        address, protocol, start = ip_address(raw[16:20]), raw[9], (raw[0] & 0x0F) * 4
    elif kind == ETH_P_IPV6 and len(raw) >= 40:
        if raw[6] == ICMP6 and raw[40:41] == bytes([NO_ROUTE]):
            return packet_of(kind, raw[48:])
        address, protocol, start = ip_address(raw[24:40]), raw[6], 40
    else:
        return None
    ported = protocol in (TCP, UDP) and len(raw) >= start + 4
    port = int.from_bytes(raw[start + 2 : start + 4], "big") if ported else 0
    return None if address.is_loopback and port != DNS else Packet(str(address), protocol, port)


class Sniffer:
    """Collects what is sent on loopback, from its making to `stop`."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        self._socket.settimeout(0.05)
        self._seen: set[Packet] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._collect)
        self._thread.start()

    def _collect(self) -> None:
        """Until it is told to stop and nothing more is waiting."""
        while True:
            try:
                raw, (_, kind, direction, *_) = self._socket.recvfrom(65_536)
            except TimeoutError:
                if self._stopping.is_set():
                    return
                continue
            if direction == PACKET_OUTGOING and (packet := packet_of(kind, raw)):
                self._seen.add(packet)

    def stop(self) -> tuple[list[Packet], int]:
        """What tried to leave, and how many packets the kernel had no room to show us."""
        self._stopping.set()
        self._thread.join()
        _, dropped = struct.unpack("II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self._socket.close()
        return sorted(self._seen), dropped


def prepare() -> None:
    """Inside: loopback up, and every other address routed to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as v4:
        name = struct.pack("16s", b"lo")
        flags = struct.unpack("16xh", fcntl.ioctl(v4, SIOCGIFFLAGS, name + bytes(2)))[0]
        fcntl.ioctl(v4, SIOCSIFFLAGS, name + struct.pack("h", flags | IFF_UP))
        device = ctypes.create_string_buffer(b"lo")
        fcntl.ioctl(v4, SIOCADDRT, _default_route(ctypes.addressof(device)))
    if Path("/proc/net/if_inet6").exists():
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as v6:
            fcntl.ioctl(v6, SIOCADDRT, _default_route_6())


def _default_route(device: int) -> bytes:
    """A `struct rtentry`: destination, gateway and mask, all nothing; then flags and the device's name."""
    anywhere = struct.pack("HH12x", socket.AF_INET, 0)
    return (
        struct.pack("@L", 0)
        + anywhere * 3
        + struct.pack("@HhLP", RTF_UP, 0, 0, 0)
        + struct.pack("@hPLLH", 0, device, 0, 0, 0)
    )


def _default_route_6() -> bytes:
    """A `struct in6_rtmsg`: destination ::/0, no source, no gateway, on loopback."""
    return bytes(48) + struct.pack("@IHHILIi", 0, 0, 0, 1, 0, RTF_UP, LOOPBACK_INDEX)


def main(report: int, seconds: float, command: Sequence[str]) -> None:
    os.set_inheritable(report, False)
    prepare()
    sniffer = Sniffer()
    code: int | None = None
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)  # its own session: what it started ends with it
    packets, unseen = sniffer.stop()
    said = {"code": code, "unseen": unseen, "packets": [_plain(packet) for packet in packets]}
    with open(report, "w") as out:
        json.dump(said, out)


def _plain(packet: Packet) -> tuple[str, int, int]:
    return packet.address, packet.protocol, packet.port


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
