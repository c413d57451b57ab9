import { parseArgs } from 'node:util';

export const USAGE = `npm run bench -- [options]

  --quick            one short round against two fast peers, for a before/after check (under three minutes)
  --rounds N         rounds, interleaved over the servers (3)
  --rows a,b         only these rows; a trailing * stands for any ending (list them with --list)
  --servers a,b      only these peers (quayside is always measured); none: quayside alone
  --certificate rsa  key of the certificate that all servers show: rsa (2048 bits) or ecdsa (P-256)
  --server-core N    core of the servers (0)
  --client-core N    core of the load client (1)
  --profile          CPU profiles of the FTP worker into the results' folder (slower: not for figures)
  --out FILE         where the results go (bench/results/<time>.json)
  --list             names of rows and servers`;

export function readOptions(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      rows: { type: 'string' },
      servers: { type: 'string' },
      certificate: { type: 'string', default: 'rsa' },
      'server-core': { type: 'string', default: '0' },
      'client-core': { type: 'string', default: '1' },
      profile: { type: 'boolean', default: false },
      out: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (!['rsa', 'ecdsa'].includes(values.certificate)) throw new Error('--certificate is rsa or ecdsa');
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds is a whole number of at least 1');
  return {
    quick: values.quick,
    rounds,
    rows: list(values.rows),
    servers: values.servers === 'none' ? [] : (list(values.servers)?.filter((name) => name !== 'quayside') ?? null),
    certificate: values.certificate,
    serverCore: Number(values['server-core']),
    clientCore: Number(values['client-core']),
    profile: values.profile,
    out: values.out,
    list: values.list,
    help: values.help,
  };
}

function list(text) {
  return text === undefined ? null : text.split(',').filter(Boolean);
}
