"""Generated pg_hba.conf files and the clients that are tried against each. The same seed gives the same cases for ever: expected outcomes are recorded."""
import random
import socket
import ssl
import struct
import sys
import os

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import pgwire  # noqa: E402

CASES = 300
ROLES_SQL = """
SET password_encryption = 'scram-sha-256';
CREATE ROLE staff; CREATE ROLE inner_staff IN ROLE staff; CREATE ROLE "all"; CREATE ROLE "+staff";
CREATE ROLE alice LOGIN PASSWORD 'alice-secret' IN ROLE staff;
CREATE ROLE bob LOGIN IN ROLE inner_staff;
CREATE ROLE "Carl X" LOGIN;
CREATE ROLE root_one LOGIN;
CREATE DATABASE appdb; CREATE DATABASE staff; CREATE DATABASE alice; CREATE DATABASE "replication"; CREATE DATABASE "a b";
"""
IDENT = """# map  system  role
mapped   /^(.*)$   \\1_one
mapped   root      alice
other    nobody    bob
mapped   /^x(      bob
"""
USERS = ["alice", "bob", "Carl X", "root_one", "nosuch"]
DATABASES = ["appdb", "staff", "alice", "replication", "a b"]
FILES = {"hba_users": "alice, bob\n# comment\n\"Carl X\" @hba_more\n", "hba_more": "root_one\n", "hba_dbs": "appdb staff\n"}

DB_TOKENS = ["all", "all", "\"all\"", "sameuser", "samerole", "samegroup", "replication", "\"replication\"", "appdb", "\"a b\"", "staff", "@hba_dbs", "alice", "template1"]
USER_TOKENS = ["all", "all", "\"all\"", "+staff", "\"+staff\"", "+inner_staff", "+nosuch", "alice", "bob", "\"Carl X\"", "@hba_users", "root_one", "ALICE", "+alice"]
ADDRESSES = ["all", "127.0.0.1/32", "127.0.0.0/8", "127.0.0.2/32", "127.0.0.1  255.255.255.255", "127.0.0.3 255.0.0.255", "0.0.0.0/0", "::1/128", "::/0", "samehost", "samenet",
             "10.0.0.0/8", "localhost", ".localdomain", "\"all\"", "127.0.0.0/31", "127.1/16"]
METHODS = ["trust", "trust", "trust", "reject", "reject", "scram-sha-256", "password", "md5"]
JUNK = ["local", "host", "hostx", "all", "127.0.0.1", "127.0.0.1/33", "127.0.0.1/", "/8", "255.0.0.0", "::1", "::1/129", "trust", "peer", "cert", "ldapx", "map=x", "map", "clientcert=verify-ca", "clientcert=verify-full",
        "clientcert=2", "clientname=DN", "clientname=X", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc", "a,b", "\"quo ted\"", "@nowhere", "nosuch=1", "pamservice=x", "host.example/8", "krb_realm=x", "#", "password", "md5", "\\"]


def tokens(rng, choices):
    n = rng.choice([1, 1, 1, 2, 3])
    return rng.choice([",", ", ", ","]).join(rng.choice(choices) for _ in range(n))


def good_line(rng):
    kind = rng.choice(["local", "local", "host", "host", "host", "hostssl", "hostnossl", "hostnogssenc"])
    fields = [kind, tokens(rng, DB_TOKENS), tokens(rng, USER_TOKENS)]
    if kind != "local":
        fields.append(rng.choice(ADDRESSES))
    method = rng.choice(METHODS)
    if kind == "local" and rng.random() < 0.3:
        method = rng.choice(["peer", "peer map=mapped", "peer map=other", "ident map=mapped"])
    fields.append(method)
    line = rng.choice(["  ", " ", "\t"]).join(fields)
    if rng.random() < 0.1:
        line = line.replace(" ", " \\\n ", 1)
    if rng.random() < 0.15:
        line += rng.choice([" # comment", "\t#x", "#y"])
    return line


def junk_line(rng):
    fields = good_line(rng).split(" ")
    for _ in range(rng.choice([0, 1, 1, 2])):
        at = rng.randrange(len(fields) + 1)
        if rng.random() < 0.5 and at < len(fields):
            fields[at] = rng.choice(JUNK)
        else:
            fields.insert(at, rng.choice(JUNK))
    return " ".join(fields[:rng.choice([1, 2, 3, 4, 9, 9, 9, 9])])


def rules(case):
    rng = random.Random(f"hba {case}")
    return "".join(good_line(rng) + "\n" for _ in range(rng.choice([1, 2, 3, 4, 6])))


def junk(case):
    rng = random.Random(f"junk {case}")
    return "".join(junk_line(rng) + "\n" for _ in range(5))


def probes(case):
    """(where from, with TLS, user, database)"""
    rng = random.Random(f"probes {case}")
    froms = ["local", "127.0.0.1", "127.0.0.2", "127.0.0.1+tls"]
    return [(f.split("+")[0], f.endswith("+tls"), rng.choice(USERS), rng.choice(DATABASES)) for f in froms * 3]


def connect(server, origin, tls):
    if origin == "local":
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(20)
        s.connect(f"{server.dir}/.s.PGSQL.{server.port}")
        return s
    s = socket.create_connection(("127.0.0.1", server.port), timeout=20, source_address=(origin, 0))
    if tls:
        s.sendall(struct.pack("!ii", 8, 80877103))
        answer = s.recv(1)
        assert answer == b"S", f"answer to SSLRequest: {answer}"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        s = context.wrap_socket(s)
    return s


def receive(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise pgwire.Closed(f"closed after {data!r}")
        data += more
    return data


def outcome(server, origin, tls, user, database):
    """What the server answers first: trust, cleartext, sasl, or the error."""
    with connect(server, origin, tls) as s:
        body = struct.pack("!i", 196608) + b"user\0" + user.encode() + b"\0database\0" + database.encode() + b"\0\0"
        s.sendall(struct.pack("!i", len(body) + 4) + body)
        kind, size = struct.unpack("!ci", receive(s, 5))
        body = receive(s, size - 4)
        if kind == b"E":
            f = pgwire.fields(body)
            if f["M"].startswith("role ") and f["M"].endswith("does not exist"):
                return "trust"   # PostgreSQL lets the client in first and tells it then
            return f"{f['C']} {f['M']}"
        assert kind == b"R", kind
        code = struct.unpack("!i", body[:4])[0]
        s.close()
        return {0: "trust", 3: "cleartext", 10: "sasl"}[code]


def view_rows(server, text):
    """pg_hba_file_rules for a file."""
    server.write("pg_hba.conf", "local all postgres trust\nhost all postgres 127.0.0.1/32 trust\n" + text)
    with server.connect() as c:
        return [[v and v.replace(server.data, "DATA") for v in r] for r in c.query("SELECT line_number - 2, type, database, user_name, address, netmask, auth_method, options, error FROM pg_hba_file_rules WHERE line_number > 2")[-1].rows]
