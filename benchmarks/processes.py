"""What processes have used, from /proc: processor time in nanoseconds, not in ticks. Linux only; elsewhere nothing."""

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_SETTLE_S = 0.004
"""So long after an answer whatever made it is still tidying up."""


@dataclass(frozen=True, slots=True)
class Processes:
    """A server, and the backends of a PostgreSQL by its postmaster; 0 for none."""

    server_pid: int = 0
    postmaster_pid: int = 0

    def seconds(self) -> float:
        """Processor time used so far by all of the server's threads and by the backends that serve clients now."""
        if not self.server_pid:
            return 0.0
        return sum(_thread_seconds(pid) for pid in (self.server_pid, *self._backends()))

    async def seconds_at_rest(self) -> float:
        """The same once they are done."""
        if self.server_pid:
            await asyncio.sleep(_SETTLE_S)
        return self.seconds()

    def _backends(self) -> list[int]:
        """PostgreSQL's processes for clients say "[local]" in their titles; vacuum, checkpoints and so on do not."""
        found = []
        for folder in _PROC.iterdir():
            if not folder.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                if int(parent) == self.postmaster_pid and b"[local]" in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
        return found


def _thread_seconds(pid: int) -> float:
    total = 0
    with contextlib.suppress(OSError):
        for thread in (_PROC / str(pid) / "task").iterdir():
            with contextlib.suppress(OSError):
                total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9
