// ftp-srv 4.6.3 as a peer, as it comes: its own file system, every login accepted at once.
// Arguments: port, folder, certificate, key.
import { readFileSync } from 'node:fs';
import FtpSrv from 'ftp-srv';

const [port, folder, certFile, keyFile] = process.argv.slice(2);
const server = new FtpSrv({
  url: `ftp://127.0.0.1:${port}`,
  pasv_url: '127.0.0.1',
  pasv_min: 20_000,
  pasv_max: 29_999,
  anonymous: false,
  tls: { cert: readFileSync(certFile), key: readFileSync(keyFile) },
});
server.on('login', (_login, resolve) => resolve({ root: folder }));
server.on('client-error', () => undefined);
await server.listen();
