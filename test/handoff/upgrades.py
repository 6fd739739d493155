#!/usr/bin/env python3
"""Sessions over everything that can become of the postmaster, with the real postgres. By hand; not part of test/run.

N sessions in transactions under load; then re-exec, restart (mode keep) and kill -9 of the postmaster, and replacement of either executable, some times each. No session may
end, no increment may get lost, no connection attempt may fail while the sockets are held (re-exec, replacement), and new sessions run the new executable.
usage: upgrades.py [--sessions 50] [--times 20]"""
import argparse
import os
import shutil
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))
import pgwire  # noqa: E402
import server  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--sessions", type=int, default=50)
parser.add_argument("--times", type=int, default=20)
args = parser.parse_args()


class Site(server.Postern):
    """A server whose executables are copies in its own directory."""

    def init(self):
        self.bin = self.dir + "/bin"
        os.mkdir(self.bin)
        for name in ("postgres", "postmaster", "initdb", "pg_ctl"):
            shutil.copy(server.built(name), self.bin)
        self.library = os.path.dirname(os.path.realpath(server.built("libpq.so.5") or server.BUILD + "/frontend/libpq/libpq.so.5"))
        os.environ["LD_LIBRARY_PATH"] = self.library
        self.postmaster, self.postgres = self.bin + "/postmaster", self.bin + "/postgres"
        self.run(self.bin + "/initdb", "-D", self.data, "-U", "postgres", "-A", "trust")

    def pg_ctl(self, *command):
        self.run(self.bin + "/pg_ctl", "-D", self.data, *command)

    def replace(self, name):
        path = f"{self.bin}/{name}"
        shutil.copy(path, path + ".new")
        os.rename(path + ".new", path)

    def executable_of(self, pid):
        return os.stat(f"/proc/{pid}/exe").st_ino


class Session(threading.Thread):
    """Increments its own row in transactions of three statements, and counts what was confirmed."""

    def __init__(self, site, number, stop):
        super().__init__(daemon=True)
        self.site, self.number, self.stop, self.done, self.error = site, number, stop, 0, None
        self.connection = site.connect()
        self.pid = int(self.connection.query("SELECT pg_backend_pid()")[-1].rows[0][0])

    def run(self):
        try:
            while not self.stop.is_set():
                for sql in ("BEGIN", f"UPDATE t SET n = n + 1 WHERE id = {self.number}", "COMMIT"):
                    self.connection.query(sql)
                    time.sleep(0.01)
                self.done += 1
        except (OSError, pgwire.Error, pgwire.Closed) as e:
            self.error = e


class Connector(threading.Thread):
    """Connects all the time; failures count only while `strict` is set."""

    def __init__(self, site, stop):
        super().__init__(daemon=True)
        self.site, self.stop, self.strict, self.failures, self.count = site, stop, True, [], 0

    def run(self):
        while not self.stop.is_set():
            strict = self.strict
            try:
                with self.site.connect() as c:
                    c.query("SELECT 1")
                self.count += 1
            except (OSError, pgwire.Error, pgwire.Closed) as e:
                if strict and self.strict:
                    self.failures.append(repr(e))
                time.sleep(0.02)


def main():
    report = server.Report()
    with Site({"max_connections": args.sessions + 50}) as site:
        with site.connect() as c:
            c.query("CREATE TABLE t (id int PRIMARY KEY, n int)")
            c.query(f"INSERT INTO t SELECT g, 0 FROM generate_series(1, {args.sessions}) g")
        stop = threading.Event()
        sessions = [Session(site, i + 1, stop) for i in range(args.sessions)]
        connectors = [Connector(site, stop) for _ in range(2)]
        for t in (*sessions, *connectors):
            t.start()

        def new_session_runs(name="postgres"):
            with site.connect() as c:
                pid = int(c.query("SELECT pg_backend_pid()")[-1].rows[0][0])
                return site.executable_of(pid) == os.stat(f"{site.bin}/{name}").st_ino

        def re_exec():
            site.pg_ctl("-s", "upgrade")
            assert site.executable_of(site.process.pid) == os.stat(site.postmaster).st_ino
            assert new_session_runs()

        def new_postmaster():
            site.replace("postmaster")
            re_exec()

        def new_postgres():
            site.replace("postgres")
            deadline = time.monotonic() + 20
            while not new_session_runs():
                assert time.monotonic() < deadline, "new sessions run the old executable"
                time.sleep(0.05)
            assert all(new_session_runs() for _ in range(10)), "an old spare was left"

        def down_and_up(end):
            for c in connectors:
                c.strict = False
            end()
            site.process.wait(30)
            time.sleep(0.2)
            site.start()
            for c in connectors:
                c.strict = True

        def restart():
            down_and_up(lambda: site.pg_ctl("-s", "stop", "-m", "keep"))

        def kill():
            down_and_up(site.process.kill)

        for action in (re_exec, new_postmaster, new_postgres, restart, kill):
            began, error = time.monotonic(), ""
            try:
                for _ in range(args.times):
                    action()
                    time.sleep(0.05)
            except Exception as e:
                error = repr(e)
            ended = [s for s in sessions if s.error]
            failures = [f for c in connectors for f in c.failures]
            report.check(f"upgrades: {action.__name__.replace('_', ' ')} {args.times} times ({time.monotonic() - began:.1f} s, {sum(c.count for c in connectors)} connections so far)",
                         not error and not ended and not failures, f"{error}\n{[(s.number, s.error) for s in ended[:3]]}\n{failures[:3]}")
        stop.set()
        for t in (*sessions, *connectors):
            t.join(30)
        with site.connect() as c:
            rows = {int(i): int(n) for i, n in c.query("SELECT id, n FROM t")[-1].rows}
        wrong = [(s.number, s.done, rows[s.number]) for s in sessions if not s.done <= rows[s.number] <= s.done + 1]
        report.check(f"upgrades: {sum(s.done for s in sessions)} transactions, none lost", not wrong, wrong[:5])
    report.exit()


main()
