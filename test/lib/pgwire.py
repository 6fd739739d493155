"""A small client of the frontend/backend protocol, version 3, for tests: every message can be sent and seen as it is.

Connection.query() is the comfortable way; send()/receive() and the functions that build messages are the exact one.
Errors of the server are raised as Error with the fields of the message; anything that is not the protocol is a ProtocolError.
"""
import select
import socket
import struct
import time


class ProtocolError(Exception):
    pass


class Closed(ProtocolError):
    """The server closed the connection."""


class Error(Exception):
    """An ErrorResponse (or a NoticeResponse, when kept in Connection.notices)."""

    def __init__(self, fields):
        self.fields = fields
        super().__init__(f"{fields.get('S')} {fields.get('C')}: {fields.get('M')}")

    sqlstate = property(lambda self: self.fields.get("C"))
    message = property(lambda self: self.fields.get("M"))
    severity = property(lambda self: self.fields.get("V"))


class Result:
    def __init__(self):
        self.columns, self.rows, self.tag = None, [], None

    def __repr__(self):
        return f"Result({self.tag!r}, {self.rows!r})"


def cstr(text):
    return (text if isinstance(text, bytes) else text.encode()) + b"\0"


def parse(name, sql, types=()):
    return b"P", cstr(name) + cstr(sql) + struct.pack(f"!h{len(types)}I", len(types), *types)


def bind(portal="", statement="", values=(), formats=(), results=()):
    body = cstr(portal) + cstr(statement) + struct.pack(f"!h{len(formats)}h", len(formats), *formats) + struct.pack("!h", len(values))
    for v in values:
        if v is None:
            body += struct.pack("!i", -1)
        else:
            v = v if isinstance(v, bytes) else str(v).encode()
            body += struct.pack("!i", len(v)) + v
    return b"B", body + struct.pack(f"!h{len(results)}h", len(results), *results)


def describe(kind, name=""):
    return b"D", kind.encode() + cstr(name)


def execute(portal="", limit=0):
    return b"E", cstr(portal) + struct.pack("!i", limit)


def close(kind, name=""):
    return b"C", kind.encode() + cstr(name)


SYNC, FLUSH, TERMINATE = (b"S", b""), (b"H", b""), (b"X", b"")


def frame(kind, body):
    return kind + struct.pack("!i", len(body) + 4) + body


def fields(body):
    out = {}
    for part in body.split(b"\0"):
        if part:
            out[chr(part[0])] = part[1:].decode("utf-8", "replace")
    return out


def startup(version=0x30000, **parameters):
    body = struct.pack("!I", version) + b"".join(cstr(k) + cstr(v) for k, v in parameters.items()) + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def columns(body):
    """RowDescription: (name, table, attribute, type, typlen, typmod, format) of each column."""
    n, at, out = struct.unpack_from("!h", body)[0], 2, []
    for _ in range(n):
        end = body.index(b"\0", at)
        out.append((body[at:end].decode(),) + struct.unpack_from("!IhIhih", body, end + 1))
        at = end + 19
    return out


def values(body):
    n, at, out = struct.unpack_from("!h", body)[0], 2, []
    for _ in range(n):
        size = struct.unpack_from("!i", body, at)[0]
        at += 4
        out.append(None if size < 0 else body[at:at + size])
        at += max(size, 0)
    return out


class Connection:
    def __init__(self, port, host="127.0.0.1", database="postgres", user="postgres", timeout=30, start=True, version=0x30000, **parameters):
        self.address, self.timeout = (host, port), timeout
        self.socket = socket.create_connection(self.address, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.parameters, self.notices, self.notifications = {}, [], []
        self.pid = self.key = self.status = None
        if start:
            self.raw(startup(version, user=user, database=database, **parameters))
            try:
                self.wait_ready()
            except BaseException:
                self.socket.close()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def raw(self, data):
        self.socket.sendall(data)

    def send(self, *messages):
        self.raw(b"".join(frame(*m) for m in messages))

    def receive(self, timeout=None):
        """The next message as (type, body), whatever it is."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            if len(self.buffer) >= 5:
                size = struct.unpack_from("!i", self.buffer, 1)[0]
                if size < 4:
                    raise ProtocolError(f"length {size}")
                if len(self.buffer) > size:
                    message = self.buffer[:1], self.buffer[5:size + 1]
                    self.buffer = self.buffer[size + 1:]
                    return message
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise TimeoutError("no message from the server")
            try:
                data = self.socket.recv(1 << 20)
            except ConnectionResetError:
                data = b""
            if not data:
                raise Closed("the server closed the connection")
            self.buffer += data

    def message(self, timeout=None):
        """The next message that belongs to the conversation; parameters, notices and notifications are kept aside."""
        while True:
            kind, body = self.receive(timeout)
            if kind == b"S":
                name, value = body.split(b"\0")[:2]
                self.parameters[name.decode()] = value.decode()
            elif kind == b"N":
                self.notices.append(Error(fields(body)))
            elif kind == b"A":
                self.notifications.append(body)
            elif kind == b"K":
                self.pid, self.key = struct.unpack("!i", body[:4])[0], body[4:]
            else:
                if kind == b"Z":
                    self.status = body.decode()
                return kind, body

    def wait_ready(self, timeout=None):
        """Reads up to ReadyForQuery; raises the first error met (at its end, or at once when the server closes)."""
        error = None
        while True:
            try:
                kind, body = self.message(timeout)
            except Closed:
                if error:
                    raise error from None
                raise
            if kind == b"Z":
                break
            if kind == b"E":
                error = error or Error(fields(body))
            elif kind == b"R" and struct.unpack_from("!i", body)[0] != 0:
                raise ProtocolError("authentication other than trust")
        if error:
            raise error

    def messages(self, timeout=None):
        """All messages up to and including ReadyForQuery."""
        out = []
        while not out or out[-1][0] != b"Z":
            out.append(self.message(timeout))
        return out

    def results(self, timeout=None):
        """Results of a simple query up to ReadyForQuery."""
        out, error = [Result()], None
        while True:
            try:
                kind, body = self.message(timeout)
            except Closed:
                if error:
                    raise error from None
                raise
            if kind == b"T":
                out[-1].columns = columns(body)
            elif kind == b"D":
                out[-1].rows.append([None if v is None else v.decode("utf-8", "replace") for v in values(body)])
            elif kind == b"C":
                out[-1].tag = body[:-1].decode()
                out.append(Result())
            elif kind == b"I":
                out[-1].tag = ""
                out.append(Result())
            elif kind == b"E":
                error = error or Error(fields(body))
            elif kind == b"Z":
                break
            elif kind not in (b"G", b"H", b"d", b"c"):
                raise ProtocolError(f"unexpected {kind!r}")
        if error:
            raise error
        return out[:-1]

    def start(self, sql):
        self.send((b"Q", cstr(sql)))

    def query(self, sql, timeout=None):
        self.start(sql)
        return self.results(timeout)

    def readable(self, seconds):
        return bool(self.buffer) or bool(select.select([self.socket], [], [], seconds)[0])

    def prepared(self, sql, args=(), types=(), formats=(), results=()):
        """Parse, Bind, Execute, Sync; rows as raw bytes."""
        self.send(parse("", sql, types), bind("", "", args, formats, results), execute(), SYNC)
        rows, error = [], None
        for kind, body in self.messages():
            if kind == b"D":
                rows.append(values(body))
            elif kind == b"E":
                error = Error(fields(body))
        if error:
            raise error
        return rows

    def cancel(self, key=None):
        """A CancelRequest on a connection of its own; waits until the server closes that."""
        with socket.create_connection(self.address, timeout=self.timeout) as s:
            body = struct.pack("!Ii", 80877102, self.pid) + (self.key if key is None else key)
            s.sendall(struct.pack("!i", len(body) + 4) + body)
            try:
                return s.recv(100)
            except ConnectionResetError:
                return b""

    def close(self):
        try:
            self.send(TERMINATE)
        except OSError:
            pass
        self.socket.close()

    def vanish(self):
        """Closes with a reset, as a client that died does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
