import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { locatePeer, proftpdModules } from '../peer-packages.mjs';
import { PEER_USER } from '../sandbox.mjs';

const PASSIVE = { from: 20_000, to: 29_999 };
const MANY = 20_000;

export const PEER_NAMES = ['vsftpd', 'pure-ftpd', 'proftpd', 'pyftpdlib', 'ftp-srv'];

/**
 * The peers that are here, as definitions for `Peer`; of the others, why not. All: anonymous login, logging off, no
 * look-ups of names, the same certificate, no demand to resume TLS sessions: the cheapest that they can do.
 */
export function findPeers(names, { scratch, files, tls }) {
  const makers = { vsftpd, 'pure-ftpd': pureFtpd, proftpd, pyftpdlib, 'ftp-srv': ftpSrv };
  const found = [];
  const missing = [];
  for (const name of names) {
    const peer = makers[name]({ scratch, files, tls });
    if (typeof peer === 'string') missing.push({ name, why: peer });
    else found.push({ name, ...peer });
  }
  return { found, missing };
}

function vsftpd({ scratch, files, tls }) {
  const at = locatePeer('vsftpd', 'vsftpd');
  if (at.why !== null) return at.why;
  const empty = join(scratch, 'empty');
  mkdirSync(empty, { recursive: true });
  const site = (port) => {
    const config = write(join(scratch, 'vsftpd.conf'), {
      listen: 'YES',
      listen_address: '127.0.0.1',
      listen_port: port,
      background: 'NO',
      anonymous_enable: 'YES',
      local_enable: 'NO',
      write_enable: 'YES',
      anon_upload_enable: 'YES',
      anon_mkdir_write_enable: 'YES',
      anon_other_write_enable: 'YES',
      anon_umask: '022',
      anon_root: files,
      ftp_username: PEER_USER.name,
      no_anon_password: 'NO',
      allow_writeable_chroot: 'YES',
      secure_chroot_dir: empty,
      xferlog_enable: 'NO',
      dirmessage_enable: 'NO',
      max_clients: 0,
      max_per_ip: 0,
      pasv_min_port: PASSIVE.from,
      pasv_max_port: PASSIVE.to,
      connect_from_port_20: 'NO',
      idle_session_timeout: 600,
      ssl_enable: 'YES',
      allow_anon_ssl: 'YES',
      force_anon_data_ssl: 'NO',
      force_anon_logins_ssl: 'NO',
      force_local_data_ssl: 'NO',
      force_local_logins_ssl: 'NO',
      require_ssl_reuse: 'NO',
      ssl_ciphers: 'HIGH',
      rsa_cert_file: tls.certFile,
      rsa_private_key_file: tls.keyFile,
    });
    return { program: at.program, args: [config], env: libraries(at) };
  };
  return { sites: [site] };
}

function pureFtpd({ scratch, tls }) {
  const at = locatePeer('pure-ftpd', 'pure-ftpd');
  if (at.why !== null) return at.why;
  const site = (port) => ({
    program: at.program,
    env: libraries(at),
    // -e -M: anonymous only, may make folders; -L: long listings; -I: minutes; -Y 1: TLS offered.
    args: ['-4', '-H', '-e', '-M', '-f', 'none', '-I', '15', '-U', '133:022', '-Y', '1'].concat(
      ['-S', `127.0.0.1,${port}`, '-2', tls.bothFile, '-g', join(scratch, 'pure-ftpd.pid')],
      ['-c', `${MANY}`, '-C', `${MANY}`, '-L', '200000:5', '-p', `${PASSIVE.from}:${PASSIVE.to}`],
    ),
  });
  return { sites: [site] };
}

function proftpd({ scratch, files, tls }) {
  const at = locatePeer('proftpd', 'proftpd');
  if (at.why !== null) return at.why;
  const kind = tls.kind === 'rsa' ? 'RSA' : 'EC';
  const site = (port) => {
    const config = join(scratch, 'proftpd.conf');
    writeFileSync(
      config,
      `ModulePath ${proftpdModules(at)}
LoadModule mod_tls.c
ServerName bench
ServerType standalone
DefaultAddress 127.0.0.1
UseIPv6 off
UseReverseDNS off
Port ${port}
User ${PEER_USER.name}
Group ${PEER_USER.name}
MaxInstances ${MANY}
TimeoutIdle 600
TimeoutNoTransfer 600
PidFile ${join(scratch, 'proftpd.pid')}
ScoreboardFile ${join(scratch, 'proftpd.scoreboard')}
DelayTable ${join(scratch, 'proftpd.delay')}
ControlsEngine off
SystemLog none
TransferLog none
WtmpLog off
AuthOrder mod_auth_unix.c
RequireValidShell off
PassivePorts ${PASSIVE.from} ${PASSIVE.to}
<IfModule mod_delay.c>
  DelayEngine off
</IfModule>
<IfModule mod_tls.c>
  TLSEngine on
  TLSRequired off
  TLSLog none
  TLSProtocol TLSv1.2 TLSv1.3
  TLS${kind}CertificateFile ${tls.certFile}
  TLS${kind}CertificateKeyFile ${tls.keyFile}
  TLSOptions NoSessionReuseRequired
  TLSVerifyClient off
</IfModule>
<Anonymous ${files}>
  User ${PEER_USER.name}
  Group ${PEER_USER.name}
  UserAlias anonymous ${PEER_USER.name}
  RequireValidShell off
  MaxClients ${MANY}
  AllowOverwrite on
  <Limit STOR WRITE READ DIRS LOGIN>
    AllowAll
  </Limit>
</Anonymous>
`,
    );
    return { program: at.program, args: ['-n', '-c', config], env: libraries(at) };
  };
  return { sites: [site] };
}

function pyftpdlib({ files, tls }) {
  const python = ['/usr/bin/python3', 'python3'].find(
    (program) => spawnSync(program, ['-c', 'import pyftpdlib, OpenSSL']).status === 0,
  );
  if (python === undefined) return 'apt-get install python3-pyftpdlib';
  const script = join(import.meta.dirname, 'pyftpdlib-server.py');
  const site = (protects) =>
    Object.assign(
      (port) => ({ program: python, args: [script, String(port), protects, files, tls.bothFile], env: {} }),
      { protects },
    );
  return { sites: [site('plain'), site('tls')] };
}

function ftpSrv({ files, tls }) {
  const require = createRequire(import.meta.url);
  if (!existsSync(join(require.resolve('ftp-srv'), '..'))) return 'npm ci';
  const script = join(import.meta.dirname, 'ftp-srv-server.mjs');
  const site = (port) => ({
    program: process.execPath,
    args: [script, String(port), files, tls.certFile, tls.keyFile],
    env: {},
  });
  return { sites: [site] };
}

function libraries({ libraries }) {
  return libraries === null ? {} : { LD_LIBRARY_PATH: libraries };
}

function write(file, settings) {
  writeFileSync(
    file,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  return file;
}
