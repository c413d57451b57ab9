"""pyftpdlib as a peer: one process, anonymous. Arguments: port, plain or tls, folder, certificate with key."""

import logging
import sys
import warnings

warnings.simplefilter("ignore")

from pyftpdlib.authorizers import DummyAuthorizer  # noqa: E402
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler  # noqa: E402
from pyftpdlib.servers import FTPServer  # noqa: E402

port, protection, folder, certificate = sys.argv[1:]
logging.basicConfig(level=logging.ERROR)
authorizer = DummyAuthorizer()
authorizer.add_anonymous(folder, perm="elradfmwMT")
handler = TLS_FTPHandler if protection == "tls" else FTPHandler
handler.authorizer = authorizer
if protection == "tls":
    handler.certfile = certificate
handler.timeout = 600
handler.passive_ports = range(20000, 30000)
server = FTPServer(("127.0.0.1", int(port)), handler, backlog=4096)
server.max_cons = 20000
server.max_cons_per_ip = 0
server.serve_forever()
