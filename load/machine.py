"""The machine under a measurement: processor time of a process and its children, pinning, a description."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import aiohttp

TICKS_PER_S = os.sysconf("SC_CLK_TCK")  # the kernel scales them from exact run times; a tick is the rounding


@dataclass(frozen=True, slots=True)
class Cpu:
    """Processor seconds. `tree`: the process with all its children; `main`: the process alone."""

    tree: float
    main: float

    def __sub__(self, earlier: "Cpu") -> "Cpu":
        return Cpu(self.tree - earlier.tree, self.main - earlier.main)


NO_CPU = Cpu(0.0, 0.0)


def cpu_of(pid: int | None) -> Cpu:
    """None: nobody's, as when the upstream is asked directly."""
    if pid is None:
        return NO_CPU
    children = _children()
    main = tree = _seconds(pid)
    waiting = children.get(pid, [])
    while waiting:
        process = waiting.pop()
        tree += _seconds(process)
        waiting += children.get(process, [])
    return Cpu(tree, main)


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            found.setdefault(int(fields[1]), []).append(int(entry.name))
    return found


def _seconds(pid: int) -> float:
    """Its own time and that of its children that have ended (proc(5): utime, stime, cutime, cstime)."""
    fields = _stat(pid)
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS_PER_S if fields else 0.0


def _stat(pid: int) -> list[str]:
    """The fields after the program's name, which may hold spaces; none for a process that has just ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


@dataclass(frozen=True, slots=True)
class Cores:
    """`proxy`: the core of what is measured; `load`: of the drivers and the stand-in. None: too few cores."""

    proxy: int | None
    load: int | None


def share_out() -> Cores:
    """The first core for what is measured and the last for the load, of those that this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], usable[-1]) if len(usable) > 1 else Cores(None, None)


def pin(pid: int, core: int | None) -> None:
    """A process and whatever it starts from now on. 0: this one."""
    if core is not None:
        os.sched_setaffinity(pid, {core})


def description() -> dict[str, str | int]:
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "aiohttp": aiohttp.__version__,
        "load_average": f"{os.getloadavg()[0]:.1f}",
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
