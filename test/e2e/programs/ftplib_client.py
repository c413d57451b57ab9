"""Runs the operations of a file with Python's ftplib: one `operation<TAB>argument<TAB>argument` a line."""

import ftplib
import ssl
import sys

mode, host, port, user, password, certificate, operations = sys.argv[1:]


class ImplicitTls(ftplib.FTP_TLS):
    """ftplib knows explicit TLS only; this is the recipe that people use."""

    _sock = None

    @property
    def sock(self):
        return self._sock

    @sock.setter
    def sock(self, value):
        if value is not None and not isinstance(value, ssl.SSLSocket):
            value = self.context.wrap_socket(value)
        self._sock = value


if mode == "plain":
    ftp = ftplib.FTP(encoding="utf-8")
else:
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    ftp = (ImplicitTls if mode == "implicit" else ftplib.FTP_TLS)(context=context, encoding="utf-8")
ftp.connect(host, int(port), timeout=60)
ftp.login(user, password)
if mode != "plain":
    ftp.prot_p()

for line in open(operations, encoding="utf-8"):
    operation, *arguments = line.rstrip("\n").split("\t")
    if operation == "put":
        with open(arguments[0], "rb") as source:
            ftp.storbinary("STOR " + arguments[1], source)
    elif operation == "get":
        with open(arguments[1], "wb") as target:
            ftp.retrbinary("RETR " + arguments[0], target.write)
    elif operation == "resume-put":
        with open(arguments[0], "rb") as source:
            ftp.voidcmd("TYPE I")
            offset = ftp.size(arguments[1])
            source.seek(offset)
            ftp.storbinary("STOR " + arguments[1], source, rest=offset)
    elif operation == "resume-get":
        with open(arguments[1], "ab") as target:
            ftp.retrbinary("RETR " + arguments[0], target.write, rest=target.tell())
    elif operation == "list":
        ftp.cwd(arguments[0])
        for name, facts in ftp.mlsd():
            print(name, facts["type"])
        ftp.dir()
        print(ftp.nlst())
        ftp.cwd("/")
    elif operation == "rename":
        ftp.rename(*arguments)
    elif operation == "delete":
        ftp.delete(arguments[0])
    elif operation == "mtime":
        print(ftp.voidcmd("MDTM " + arguments[0]))
ftp.quit()
