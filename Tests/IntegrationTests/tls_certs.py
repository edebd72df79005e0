"""Authorities and certificates for tests, made by openssl. Keys are small and fast (P-256)."""

import os
import subprocess


def _openssl(*words, directory):
    done = subprocess.run(["openssl", *words], cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Pair:
    """The files of a certificate and its key."""

    def __init__(self, directory, name):
        self.name = name
        self.cert = os.path.join(directory, f"{name}.pem")
        self.key = os.path.join(directory, f"{name}.key")

    def serial(self):
        return subprocess.run(["openssl", "x509", "-in", self.cert, "-noout", "-serial"],
                              capture_output=True, text=True, check=True).stdout.strip()

    def install(self, other):
        """Takes over the files of another pair, as a rotation does: each replaced as a whole."""
        for source, target in ((other.key, self.key), (other.cert, self.cert)):
            with open(source, "rb") as file:
                content = file.read()
            with open(target + ".new", "wb") as file:
                file.write(content)
            os.rename(target + ".new", target)


class Authority:
    """A certificate authority with a list of what it has revoked."""

    def __init__(self, directory, name, parent=None, usage=""):
        self.directory = str(directory)
        self.name = name
        self.cert = os.path.join(self.directory, f"{name}.pem")
        self.key = os.path.join(self.directory, f"{name}.key")
        self.crl_file = os.path.join(self.directory, f"{name}.crl")
        self.parent = parent
        if parent is None:
            _openssl("req", "-x509", *KEY, "-keyout", self.key, "-out", self.cert, "-days", "10",
                     "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                     directory=self.directory)
        else:
            limits = [f"extendedKeyUsage={usage}"] if usage else []
            parent._sign(name, name, ["basicConstraints=critical,CA:TRUE",
                                      "keyUsage=critical,keyCertSign,cRLSign", *limits])
        self._revoked = 0
        self._write(f"{name}.index", "")
        self._write(f"{name}.number", "01\n")
        self._write(f"{name}.cnf", f"""[ca]
default_ca = own
[own]
database = {name}.index
crlnumber = {name}.number
default_md = sha256
default_crl_days = 30
""")

    def _write(self, name, text):
        with open(os.path.join(self.directory, name), "w") as file:
            file.write(text)

    def _sign(self, name, cn, extensions, dates=None):
        subject = f"/CN={cn}" if cn else "/O=nobody"
        _openssl("req", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject,
                 directory=self.directory)
        self._write(f"{name}.ext", "\n".join(extensions) + "\n")
        if dates is None:
            _openssl("x509", "-req", "-in", f"{name}.csr", "-CA", self.cert, "-CAkey", self.key,
                     "-CAcreateserial", "-out", f"{name}.pem", "-days", "5", "-extfile",
                     f"{name}.ext", directory=self.directory)
        else:
            # Only this command can sign for any time.
            self._write(f"{name}.cnf", f"""[ca]
default_ca = own
[own]
database = {name}.index
new_certs_dir = .
default_md = sha256
policy = any
rand_serial = yes
[any]
organizationName = optional
commonName = optional
""")
            self._write(f"{name}.index", "")
            _openssl("ca", "-batch", "-config", f"{name}.cnf", "-in", f"{name}.csr", "-cert",
                     self.cert, "-keyfile", self.key, "-startdate", dates[0], "-enddate", dates[1],
                     "-extfile", f"{name}.ext", "-out", f"{name}.pem", "-notext",
                     directory=self.directory)
        return Pair(self.directory, name)

    def leaf(self, name, cn=None, san="", usage="clientAuth", dates=None, with_chain=False):
        """`cn` is `name` unless given; `san` and `usage` as openssl writes them, or empty."""
        extensions = ["basicConstraints=critical,CA:FALSE"]
        if usage:
            extensions.append(f"extendedKeyUsage={usage}")
        if san:
            extensions.append(f"subjectAltName={san}")
        pair = self._sign(name, name if cn is None else cn, extensions, dates)
        if with_chain:
            with open(self.cert) as own, open(pair.cert, "a") as file:
                file.write(own.read())
        return pair

    def revoke(self, *pairs, der=True):
        """Writes the list of all that has been revoked, these included, as one new file."""
        for pair in pairs:
            _openssl("ca", "-config", f"{self.name}.cnf", "-revoke", pair.cert, "-keyfile",
                     self.key, "-cert", self.cert, directory=self.directory)
        made = self.crl_file + ".pem"
        _openssl("ca", "-config", f"{self.name}.cnf", "-gencrl", "-keyfile", self.key, "-cert",
                 self.cert, "-out", made, directory=self.directory)
        if der:
            _openssl("crl", "-in", made, "-outform", "DER", "-out", made + ".der",
                     directory=self.directory)
            made += ".der"
        os.rename(made, self.crl_file)
        return self.crl_file
