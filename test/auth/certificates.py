"""A small certificate authority for tests, by the openssl program."""
import os
import subprocess


def openssl(directory, *args):
    subprocess.run(["openssl", *args], cwd=directory, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def authority(directory, name):
    openssl(directory, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.crt", "-days", "3", "-subj", f"/CN={name}",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")


def certificate(directory, ca, name, subject, alternative=None):
    openssl(directory, "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
    with open(f"{directory}/{name}.ext", "w") as f:
        f.write(f"subjectAltName={alternative}\n" if alternative else "basicConstraints=CA:FALSE\n")
    openssl(directory, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-CAcreateserial", "-out", f"{name}.crt", "-days", "3", "-extfile", f"{name}.ext")
    os.chmod(f"{directory}/{name}.key", 0o600)


def revoke(directory, ca, name):
    """Writes <ca>.crl that lists the certificate."""
    with open(f"{directory}/ca.cnf", "w") as f:
        f.write("[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=3\n")
    open(f"{directory}/index.txt", "w").close()
    openssl(directory, "ca", "-config", "ca.cnf", "-cert", f"{ca}.crt", "-keyfile", f"{ca}.key", "-revoke", f"{name}.crt")
    openssl(directory, "ca", "-config", "ca.cnf", "-cert", f"{ca}.crt", "-keyfile", f"{ca}.key", "-gencrl", "-out", f"{ca}.crl")


def make(server):
    """server.crt, server.key of the data directory for `localhost`, and in <dir>/tls everything a client may want."""
    tls = os.path.join(server.dir, "tls")
    os.mkdir(tls)
    authority(tls, "ca")
    authority(tls, "other")
    certificate(tls, "ca", "server", "/CN=localhost", "DNS:localhost")
    certificate(tls, "ca", "alice", "/O=Postern/CN=alice")
    certificate(tls, "ca", "bob", "/O=Postern/CN=bob")
    certificate(tls, "ca", "revoked", "/CN=alice")
    certificate(tls, "other", "stranger", "/CN=alice")
    revoke(tls, "ca", "revoked")
    for name in ("server.crt", "server.key", "ca.crt", "ca.crl"):
        with open(f"{tls}/{name}") as f:
            server.write(name, f.read())
