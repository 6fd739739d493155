"""Servers for tests: a fresh Postern site, or a fresh PostgreSQL 15 as oracle, both behind the same few methods.

As root the servers run as an unprivileged user (POSTERN_TEST_USER, else `postern`, else `nobody`). Everything lives in one
temporary directory per server, which is removed by close(). Only processes started here, or started by these, are ever signalled.
"""
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("POSTERN_BUILD", os.path.join(REPO, "build"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import pgwire  # noqa: E402


def built(name):
    """Path of a program of the build directory, or None."""
    for sub in (f"postgres/main/{name}", f"postmaster/{name}", f"frontend/{name}", f"frontend/{name}/{name}"):
        path = os.path.join(BUILD, sub)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    found = [p for p in glob.glob(os.path.join(BUILD, "frontend", "*", name)) if os.path.isfile(p)]
    return found[0] if found else None


def tool(name):
    """An unmodified PostgreSQL program: psql, pgbench, initdb of the oracle."""
    for path in sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True):
        if "/15/" in path:
            return path
    return shutil.which(name)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def unprivileged():
    """Arguments for Popen that drop root."""
    if os.getuid() != 0:
        return {}
    for name in (os.environ.get("POSTERN_TEST_USER"), "postern", "nobody"):
        try:
            entry = pwd.getpwnam(name) if name else None
        except KeyError:
            entry = None
        if entry:
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise SystemExit("running as root and there is no unprivileged user for the servers")


class Server:
    """A temporary directory with a data directory, a server on a free port and on a Unix socket in the directory."""
    name = "server"

    def __init__(self, settings=None, prefix="postern-test-"):
        self.settings = dict(settings or {})
        self.identity = unprivileged()
        self.dir = tempfile.mkdtemp(prefix=prefix, dir="/tmp")
        if self.identity:
            os.chown(self.dir, self.identity["user"], self.identity["group"])
        self.data = os.path.join(self.dir, "data")
        self.log = os.path.join(self.dir, "log")
        self.port = free_port()
        self.process = None
        self.init()
        self.start()

    def write(self, name, text, mode=0o600):
        """A file of the data directory."""
        path = os.path.join(self.data, name)
        with open(path + ".new", "w") as f:
            f.write(text)
        os.chmod(path + ".new", mode)
        if self.identity:
            os.chown(path + ".new", self.identity["user"], self.identity["group"])
        os.rename(path + ".new", path)

    def run(self, *args, **kwargs):
        kwargs = {"check": True, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "cwd": self.dir, "timeout": 120, **kwargs}
        try:
            return subprocess.run([str(a) for a in args], **self.identity, **kwargs)
        except subprocess.CalledProcessError as e:
            raise SystemExit(f"{args[0]} failed: {e.stdout.decode(errors='replace')}")

    def spawn(self, *args):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir,
                                            start_new_session=True, **self.identity)

    def wait_ready(self, seconds=60):
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.connect().close()
                return
            except (OSError, pgwire.Error) as e:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    tail = open(self.log, errors="replace").read()[-2000:]
                    raise SystemExit(f"{self.name} does not answer: {e}\n{tail}")
                time.sleep(0.05)

    def connect(self, database="postgres", **kwargs):
        return pgwire.Connection(port=self.port, database=database, **kwargs)

    def env(self, database="postgres"):
        return {"PATH": os.environ["PATH"], "PGHOST": self.dir, "PGPORT": str(self.port), "PGUSER": "postgres", "PGDATABASE": database,
                "PGTZ": "UTC", "PGDATESTYLE": "ISO, MDY", "PGCLIENTENCODING": "UTF8", "LC_ALL": "C.UTF-8", "PGCONNECT_TIMEOUT": "30",
                "PGAPPNAME": "test"}

    def psql(self, sql, database="postgres", args=(), timeout=120):
        """Output of unmodified psql reading sql from standard input."""
        done = subprocess.run([tool("psql"), "-X", *args], input=sql.encode(), env=self.env(database), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, cwd=self.dir)
        return done.stdout.decode("utf-8", "replace")

    def scalar(self, sql, database="postgres"):
        with self.connect(database) as c:
            return c.query(sql)[-1].rows[0][0]

    def pids(self):
        """Every process of this server: those that have its data directory in their command line, and the first one."""
        found = []
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                args = open(path, "rb").read().split(b"\0")
            except OSError:
                continue
            if self.data.encode() in args:
                found.append(int(path.split("/")[2]))
        return found

    def kill_all(self):
        """SIGKILL to every process, until there is none."""
        deadline = time.monotonic() + 10
        while pids := self.pids():
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.name}: processes {pids} do not end")
            time.sleep(0.02)
        if self.process:
            self.process.wait()

    def stop(self, seconds=15):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                print(f"# {self.name} did not stop within {seconds} s")
        self.kill_all()

    def close(self):
        self.stop()
        if os.environ.get("POSTERN_TEST_KEEP"):
            print(f"# kept {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


class Postern(Server):
    name = "postern"

    def __init__(self, settings=None):
        self.postgres = built("postgres")
        self.postmaster = built("postmaster")
        if not self.postgres:
            raise SystemExit(f"no postgres executable under {BUILD}")
        super().__init__(settings)

    def init(self):
        if built("initdb") and not os.environ.get("POSTERN_TEST_BARE"):
            self.run(built("initdb"), "-D", self.data, "-U", "postgres", "-A", "trust")
        else:
            self.run(self.postgres, "-D", self.data, "--bootstrap", "--superuser", "postgres")
            self.write("pg_hba.conf", "local all all trust\nhost all all all trust\n")

    def options(self):
        return [a for k, v in self.settings.items() for a in ("-c", f"{k}={v}")]

    def start(self, ready=True):
        if self.postmaster and not os.environ.get("POSTERN_TEST_BARE"):
            self.spawn(self.postmaster, "-D", self.data, "-p", self.port, "-h", "127.0.0.1", "-k", self.dir, *self.options())
        else:
            listener = os.path.join(REPO, "test/lib/listener.py")
            self.spawn("python3", listener, self.postgres, self.data, self.dir, self.port, *self.options())
        if ready:
            self.wait_ready()


class PostgreSQL(Server):
    """The oracle: PostgreSQL 15 of Debian, locale C.UTF-8."""
    name = "postgresql"

    def init(self):
        self.run(tool("initdb"), "-D", self.data, "-U", "postgres", "-A", "trust", "--locale=C.UTF-8", "-E", "UTF8", "-N")

    def start(self, ready=True):
        settings = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": self.dir, "fsync": "off",
                    "timezone": "UTC", "lc_messages": "C", **self.settings}
        self.spawn(tool("postgres"), "-D", self.data, *[a for k, v in settings.items() for a in ("-c", f"{k}={v}")])
        if ready:
            self.wait_ready()


class Report:
    """Prints `ok name` and `not ok name`; the exit status says whether all were ok."""

    def __init__(self):
        self.failed = 0

    def check(self, name, good, why=""):
        print(f"{'ok' if good else 'not ok'} {name}")
        if not good:
            self.failed += 1
            for line in str(why).splitlines()[:200]:
                print(f"#   {line}")
        sys.stdout.flush()

    def run(self, name, function, *args):
        try:
            function(*args)
            self.check(name, True)
        except Exception as e:  # a failed check, whatever it was, is this case's failure
            import traceback
            where = traceback.extract_tb(e.__traceback__)[-1]
            lines = [f"{f.lineno}: {f.line}" for f in traceback.extract_tb(e.__traceback__)[1:]]
            self.check(name, False, f"{type(e).__name__}: {e}\n" + "\n".join(lines) + f"\n{where.filename}")

    def exit(self):
        sys.exit(1 if self.failed else 0)
