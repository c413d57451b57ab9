import { BIG_BYTES, HUGE_BYTES, MEDIUM_BYTES, MEDIUM_FILES, QUICK_BIG_BYTES, SMALL_BYTES } from './data-set.mjs';

/**
 * What is measured. `measure` names how (measurements.mjs); `client` are the load client's arguments; `figure` says
 * which figure counts; `must` and `aim` are ratios to the best peer, or with `absolute` figures of their own. `peers`
 * leaves out those that cannot do it, with `quick: false` a row is left out of the quick form unless it is named.
 */

/** Figures: `value` from a result, how it is called, which way is better, and per what CPU time is told. */
export const FIGURES = {
  throughput: {
    unit: 'MB/s',
    better: 'higher',
    value: ({ bytes, seconds }) => bytes / seconds / 1e6,
    cpu: ({ cpuSeconds, bytes }) => ({ value: cpuSeconds / (bytes / 2 ** 30), unit: 's/GiB' }),
  },
  rate: {
    unit: '/s',
    better: 'higher',
    value: ({ ops, seconds }) => ops / seconds,
    cpu: ({ cpuSeconds, ops }) => ({ value: (cpuSeconds / ops) * 1e6, unit: 'µs/op' }),
  },
  time: {
    unit: 'ms',
    better: 'lower',
    value: ({ seconds, ops }) => (seconds / ops) * 1e3,
    cpu: ({ cpuSeconds, ops }) => ({ value: (cpuSeconds / ops) * 1e3, unit: 'ms/op' }),
  },
  perSession: { unit: 'KiB', better: 'lower', value: ({ perSessionKib }) => perSessionKib },
  setUp: { unit: 's', better: 'lower', value: ({ seconds }) => seconds },
  growth: { unit: 'MB', better: 'lower', value: ({ growthMb }) => growthMb },
  memory: {
    unit: 'MB',
    better: 'lower',
    value: ({ memoryMb }) => memoryMb,
    cpu: ({ cpuPercent }) => ({ value: cpuPercent, unit: '% of a core' }),
  },
  kept: { unit: '×', better: 'higher', value: ({ rateKept }) => rateKept },
};

/** A hash that yields to downloads takes seconds of a busy core. */
const COLD_SECONDS = 3;

const NO_MLSD = ['vsftpd', 'ftp-srv'];
/** Of those with a process for each session, one: thousands of processes take minutes to come and go. */
const IDLE_PEERS = ['pyftpdlib', 'pure-ftpd'];

export function makeRows({ quick }) {
  const big = quick ? QUICK_BIG_BYTES : BIG_BYTES;
  const seconds = (full) => (quick ? full / 2 : full);
  const small = ['-f', 'small4k', '-s', SMALL_BYTES, '-d', seconds(1)];
  const download = ['-o', 'retr', '-f', 'huge', '-s', HUGE_BYTES];
  const smallStor = ['-s', SMALL_BYTES, '-d', seconds(1)];
  return [
    row('retr-tls', 'RETR 1 GiB over TLS', 'throughput', ['-o', 'retr', '-f', 'big', '-s', big, '-T'], 0.85, 1),
    upload('stor-tls', 'STOR 1 GiB over TLS', 'throughput', ['-o', 'stor', '-s', big, '-T'], 0.65, 1, big),
    row('retr-plain', 'RETR 1 GiB plain', 'throughput', ['-o', 'retr', '-f', 'big', '-s', big], 0.6, 1),
    upload('stor-plain', 'STOR 1 GiB plain', 'throughput', ['-o', 'stor', '-s', big], 0.7, 0.95, big),
    thorough(
      sealed(
        'stor-tls-receipt',
        'STOR 1 GiB over TLS, receipts on',
        ['-o', 'stor', '-s', big, '-T'],
        'throughput',
        big,
      ),
    ),
    sealed('stor-plain-receipt', 'STOR 1 GiB plain, receipts on', ['-o', 'stor', '-s', big], 'throughput', big),
    row('small-retr-1', 'RETR of 4 KiB files, 1 session', 'rate', ['-o', 'small-retr', ...small], 0.4, 0.7),
    row('small-retr-16', '… 16 sessions', 'rate', ['-o', 'small-retr', ...small, '-t', 16], 0.4, 0.7),
    upload(
      'small-stor-1',
      'STOR of 4 KiB files, 1 session',
      'rate',
      ['-o', 'small-stor', ...smallStor],
      0.4,
      0.8,
      SMALL_BYTES,
    ),
    upload(
      'small-stor-16',
      '… 16 sessions',
      'rate',
      ['-o', 'small-stor', ...smallStor, '-t', 16],
      0.4,
      0.8,
      SMALL_BYTES,
    ),
    thorough(
      sealed(
        'small-stor-1-receipt',
        'STOR of 4 KiB files, 1 session, receipts on',
        ['-o', 'small-stor', ...smallStor],
        'rate',
        SMALL_BYTES,
      ),
    ),
    sealed(
      'small-stor-16-receipt',
      '… 16 sessions, receipts on',
      ['-o', 'small-stor', ...smallStor, '-t', 16],
      'rate',
      SMALL_BYTES,
    ),
    row('small-retr-tls', 'RETR of 4 KiB files over TLS', 'rate', ['-o', 'small-retr', ...small, '-T'], 0.85, 1),
    {
      ...row('noop', 'NOOP, one at a time', 'rate', ['-o', 'control', '-c', 'NOOP', '-d', seconds(0.6)]),
      must: 30_000,
      absolute: true,
    },
    row(
      'noop-pipelined',
      'NOOP, 100 in flight',
      'rate',
      ['-o', 'control', '-c', 'NOOP', '-k', 100, '-d', seconds(0.6)],
      2,
      5,
    ),
    thorough(row('list-10k', 'LIST of 10,000 entries', 'time', [...listing('LIST', 10_000, 'd10k'), '-n', 3], 3, 1.5)),
    thorough(
      without(
        NO_MLSD,
        row('mlsd-10k', 'MLSD of 10,000 entries', 'time', [...listing('MLSD', 10_000, 'd10k'), '-n', 3], 3, 1.5),
      ),
    ),
    row('list-100k', 'LIST of 100,000 entries', 'time', listing('LIST', 100_000, 'd100k'), 2, 1.2),
    without(NO_MLSD, row('mlsd-100k', 'MLSD of 100,000 entries', 'time', listing('MLSD', 100_000, 'd100k'), 2, 1.2)),
    // Against pure-ftpd, as its checks are the nearest to ours: pyftpdlib's anonymous login checks nothing.
    only(['pure-ftpd'], row('login', 'Login, 8 at a time', 'rate', ['-o', 'login', '-d', seconds(1), '-t', 8], 5, 12)),
    row(
      'login-tls',
      'Login over TLS, 8 at a time',
      'rate',
      ['-o', 'login', '-d', seconds(1.5), '-t', 8, '-T'],
      0.85,
      1.2,
    ),
    thorough({
      ...alone(
        'coldLogins',
        row('cold-logins', 'Downloads while 4 at a time log in for the first time', 'kept', [
          '-o',
          'small-retr',
          '-f',
          'big',
          '-s',
          big,
          '-d',
          COLD_SECONDS,
        ]),
      ),
      seconds: COLD_SECONDS,
    }),
    thorough(
      row(
        'parallel',
        '64 downloads of 16 MiB at once',
        'throughput',
        ['-o', 'retr', '-f', 'm16_%d', '-s', MEDIUM_BYTES, '-t', MEDIUM_FILES],
        0.6,
        1,
      ),
    ),
    row(
      'parallel-tls',
      '… over TLS',
      'throughput',
      ['-o', 'retr', '-f', 'm16_%d', '-s', MEDIUM_BYTES, '-t', MEDIUM_FILES, '-T'],
      0.75,
      0.95,
    ),
    thorough(idle('idle', 'Memory of an idle session (1,000)', 'perSession', 1000, false, 16, 8)),
    thorough(idle('idle-tls', '… over TLS', 'perSession', 1000, true, 55, 40)),
    thorough(only(['pyftpdlib'], idle('idle-5000', 'Set-up of 5,000 sessions', 'setUp', 5000, false, 3, 1))),
    thorough(
      alone(
        'growth',
        row('growth-retr', 'Growth of the worker’s memory in one download of 5 GiB', 'growth', download, 40),
      ),
    ),
    thorough(
      alone(
        'growth',
        upload('growth-stor', '… in one upload', 'growth', ['-o', 'stor', '-s', HUGE_BYTES], 40, null, HUGE_BYTES),
      ),
    ),
    thorough({
      ...alone('rest', row('rest', 'Whole installation at rest: memory', 'memory', [], 500, 300)),
      once: true,
    }),
    alone('secondStart', row('second-start', 'Second start', 'setUp', [], 10, 4)),
  ];
}

function listing(command, entries, folder) {
  return ['-o', 'list', '-c', command, '-f', folder, '-s', entries];
}

function row(name, title, figure, client, must = null, aim = null) {
  return { name, title, figure, client, must, aim, measure: 'load', peers: null, quick: true };
}

/** A row that leaves files of `bytes` each, whose size is checked before they go. */
function upload(name, title, figure, client, must, aim, bytes) {
  return { ...row(name, title, figure, client, must, aim), uploadBytes: bytes };
}

/** The same upload with the default policy, where every upload is hashed. */
function sealed(name, title, client, figure, bytes) {
  return {
    ...upload(name, title, figure, client, 0.4, null, bytes),
    account: 'sealed',
    comparedWith: name.replace('-receipt', ''),
  };
}

function without(names, row) {
  return { ...row, without: names };
}

/** Not of the quick form: it takes long, or another row says nearly the same. */
function thorough(row) {
  return { ...row, quick: false };
}

function only(names, row) {
  return { ...row, peers: names };
}

function idle(name, title, figure, sessions, tls, must, aim) {
  const client = ['-o', 'idle', '-n', sessions, '-t', 8].concat(tls ? ['-T'] : []);
  const measured = row(name, title, figure, client, must, aim);
  return { ...measured, measure: 'idle', sessions, absolute: true, peers: IDLE_PEERS };
}

/** Measured of ours only, against a figure. */
function alone(measure, row) {
  return { ...row, measure, absolute: true, peers: [] };
}

/** Names with a trailing star match any ending. */
export function selectRows(rows, names) {
  if (names === null) return rows;
  const selected = rows.filter(({ name }) => names.some((wanted) => matches(name, wanted)));
  if (selected.length === 0) throw new Error(`No row is called ${names.join(' or ')}: see --list`);
  return selected;
}

function matches(name, wanted) {
  return wanted.endsWith('*') ? name.startsWith(wanted.slice(0, -1)) : name === wanted;
}
