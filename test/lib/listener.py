#!/usr/bin/env python3
"""listener.py POSTGRES SITE SOCKET_DIR PORT [OPTION…]: accepts clients and execs `postgres --fd` for each, for tests that want no postmaster."""
import select
import signal
import socket
import subprocess
import sys

exe, site, directory, port = sys.argv[1:5]
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
unix = socket.socket(socket.AF_UNIX)
unix.bind(f"{directory}/.s.PGSQL.{port}")
tcp = socket.socket()
tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
tcp.bind(("127.0.0.1", int(port)))
for s in (unix, tcp):
    s.listen(500)
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
while True:
    for s in select.select([unix, tcp], [], [])[0]:
        client, _ = s.accept()
        subprocess.Popen([exe, "-D", site, "--fd", str(client.fileno())] + sys.argv[5:], pass_fds=[client.fileno()], stdin=subprocess.DEVNULL)
        client.close()
