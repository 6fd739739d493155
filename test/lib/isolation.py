"""Concurrency specs: named sessions, named steps, and the orders in which the steps are run.

A spec file:
    setup SQL…                        run first (may be repeated), on a connection of its own
    session NAME                      a session; its lines follow
      setup SQL…                      run before each order
      step NAME SQL…
    permutation STEP STEP …           one order; a session that is still waiting when its next step comes ends its wait first
    teardown SQL…                     run after each order
    late                              the ends of waiting steps are shown at the end of the order, not where they happen
A line that ends in a backslash goes on in the next. `#` begins a comment.

The outcome of an order is a line per step: its result, or `waiting` when it is blocked by a lock; the end of a waiting step appears
after the step that let it go. That a session is blocked is taken from pg_locks.
"""
import os
import time

import pgwire


class Spec:
    def __init__(self, path):
        self.setup, self.teardown, self.sessions, self.steps, self.permutations, self.late = [], [], {}, {}, [], False
        session = None
        for line in open(path, encoding="utf-8").read().replace("\\\n", " ").splitlines():
            words = line.split("#")[0].split(None, 1)
            if not words:
                continue
            keyword, rest = words[0], words[1].strip() if len(words) > 1 else ""
            if keyword == "session":
                session = rest
                self.sessions[session] = []
            elif keyword == "setup":
                (self.sessions[session] if session else self.setup).append(rest)
            elif keyword == "teardown":
                self.teardown.append(rest)
            elif keyword == "step":
                name, sql = rest.split(None, 1)
                self.steps[name] = (session, sql)
            elif keyword == "late":
                self.late = True
            elif keyword == "permutation":
                self.permutations.append(rest.split())
            else:
                raise SystemExit(f"{path}: {line}")


def outcome(connection):
    try:
        lines = []
        for r in connection.results():
            if r.columns is None:
                lines.append(r.tag)
            else:
                lines.append("(" + ") (".join("|".join("" if v is None else v for v in row) for row in r.rows) + ")" if r.rows else "no rows")
        return "; ".join(lines)
    except pgwire.Error as e:
        return f"{e.fields['S']} {e.sqlstate} {e.message}"
    except pgwire.Closed:
        return "connection closed"


class Run:
    def __init__(self, server, database):
        self.monitor = server.connect(database)
        self.server, self.database = server, database

    def blocked(self, connection):
        rows = self.monitor.query(f"SELECT 1 FROM pg_locks WHERE NOT granted AND pid = {connection.pid}")[-1].rows
        return bool(rows)

    def settle(self, connection, seconds=10):
        """Waits until the session has answered (True) or is blocked (False)."""
        deadline = time.monotonic() + seconds
        while True:
            if connection.readable(0.03):
                return True
            if self.blocked(connection):
                time.sleep(0.05)
                if not connection.readable(0.03) and self.blocked(connection):
                    return False
            if time.monotonic() > deadline:
                return False

    def ended(self, sessions, waiting, step=None):
        """Lines of the waiting steps, other than step, that have ended by now."""
        lines = []
        for name, waiter in list(waiting.items()):
            if waiter != step and self.settle(sessions[name]):
                lines.append(f"{waiter}: done -> {outcome(sessions[name])}")
                del waiting[name]
        return sorted(lines)

    def permutation(self, spec, order):
        out = ["permutation " + " ".join(order)]
        for sql in spec.setup:
            self.monitor.query(sql)
        sessions = {name: self.server.connect(self.database, application_name=name) for name in spec.sessions}
        waiting = {}
        try:
            for name, setup in spec.sessions.items():
                for sql in setup:
                    sessions[name].query(sql)
            for step in order:
                session, sql = spec.steps[step]
                connection = sessions[session]
                if session in waiting:
                    out.append(f"{waiting.pop(session)}: done -> {outcome(connection)}")
                    out += self.ended(sessions, waiting)
                connection.start(sql)
                if self.settle(connection):
                    out.append(f"{step}: {sql} -> {outcome(connection)}")
                else:
                    out.append(f"{step}: {sql} -> waiting")
                    waiting[session] = step
                out += self.ended(sessions, waiting, step)
            for name, waiter in list(waiting.items()):
                out.append(f"{waiter}: at the end -> " + (outcome(sessions[name]) if self.settle(sessions[name]) else "waiting"))
            if spec.late:
                out = [line for line in out if ": done -> " not in line] + sorted(line for line in out if ": done -> " in line)
        finally:
            for c in sessions.values():
                c.close()
        for sql in spec.teardown:
            for _ in range(100):
                try:
                    self.monitor.query(sql)
                    break
                except pgwire.Error as e:
                    if e.sqlstate != "55P03":
                        raise
        return out


def run(server, path):
    spec = Spec(path)
    database = "i_" + os.path.basename(path)[:-5]
    with server.connect() as c:
        c.query(f'CREATE DATABASE "{database}"')
    r = Run(server, database)
    lines = []
    for order in spec.permutations:
        lines += r.permutation(spec, order) + [""]
    r.monitor.close()
    return "\n".join(lines)
