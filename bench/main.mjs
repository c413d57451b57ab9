// The benchmark: Quayside and the FTP servers that are installed, row by row and round by round. See docs/benchmarks.md.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fail, setup } from '../scripts/setup.mjs';
import { makeCertificate } from './certificate.mjs';
import { BIG_BYTES, emptyUploads, makeDataSet, QUICK_BIG_BYTES, touchMemory } from './data-set.mjs';
import { compileClient, LoadClient } from './load-client.mjs';
import { describeMachine, load } from './machine.mjs';
import { MEASUREMENTS, warmUp } from './measurements.mjs';
import { readOptions, USAGE } from './options.mjs';
import { removeGroupParents } from './process-group.mjs';
import { makeRows, selectRows } from './rows.mjs';
import { isInside, isIsolated, runInside } from './sandbox.mjs';
import { Peer } from './servers/peer.mjs';
import { findPeers, PEER_NAMES } from './servers/peers.mjs';
import { Quayside } from './servers/quayside.mjs';
import { shown, summarizeAll, terminalTable } from './summary.mjs';

const RESULTS = join(import.meta.dirname, 'results');
/** One of processes and one of an event loop; a third would take the quick form over its three minutes. */
const QUICK_PEERS = ['pure-ftpd', 'pyftpdlib'];

async function main() {
  const argv = process.argv.slice(2);
  const options = readOptions(argv);
  if (options.help) return console.log(USAGE);
  const rows = selectRows(
    // Whoever names a row wants it, however long it takes.
    makeRows(options).filter(({ quick }) => quick || !options.quick || options.rows !== null),
    options.rows,
  );
  if (options.list) return list(rows);
  if (isInside()) {
    await bench(options, rows);
    return;
  }
  // All that needs the network outside: dependencies, build, peers' packages.
  await setup();
  findPeers(peerNames(options), { scratch: '/tmp', files: '/tmp', tls: { kind: 'rsa' } });
  const scratch = mkdtempSync('/dev/shm/quayside-bench-');
  // The peers' user and PostgreSQL's have to get through it.
  chmodSync(scratch, 0o711);
  try {
    process.exitCode = await runInside(scratch, import.meta.filename, argv);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function list(rows) {
  for (const { name, title } of rows) console.log(`${name.padEnd(24)}${title}`);
  console.log(`\nservers: ${PEER_NAMES.join(', ')}`);
}

function peerNames(options) {
  return options.servers ?? (options.quick ? QUICK_PEERS : PEER_NAMES);
}

async function bench(options, rows) {
  const scratch = process.env['QUAYSIDE_BENCH_SCRATCH'];
  const files = join(scratch, 'files');
  mkdirSync(files);
  const tls = await makeCertificate(scratch, options.certificate);
  touchMemory(scratch, 4 * (options.quick ? QUICK_BIG_BYTES : BIG_BYTES));
  makeDataSet(files, { bigBytes: options.quick ? QUICK_BIG_BYTES : BIG_BYTES });
  const { found, missing } = findPeers(peerNames(options), { scratch, files, tls });
  for (const { name, why } of missing) console.log(`${name} is not here and left out: ${why}`);
  const client = new LoadClient(compileClient(scratch, 'load-client'), { core: options.clientCore });
  const place = { core: options.serverCore, scratch, files, tls };
  const out = options.out ?? join(RESULTS, `${new Date().toISOString().slice(0, 19).replaceAll(':', '')}Z.json`);
  const profile = options.profile ? resolve(dirname(out), 'profiles') : null;
  const servers = [new Quayside({ ...place, profile }), ...found.map((definition) => new Peer(definition, place))];
  const results = {
    startedAt: new Date().toISOString(),
    machine: describeMachine(),
    options: { ...options, isolated: isIsolated() },
    missing,
    servers: [],
    rows,
    runs: [],
  };
  const stop = stopper();
  try {
    await startAll(servers, results);
    await measureAll(
      results,
      servers.filter(({ name }) => results.servers.includes(name)),
      { client, stop },
    );
  } finally {
    for (const server of servers) await server.stop();
    for (const { group } of [...servers, client]) group.remove();
    removeGroupParents();
  }
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(results, null, 1)}\n`);
  console.log(`\n${terminalTable(summarizeAll(results))}\n\n${out.replace(homedir(), '~')}`);
}

/** Quayside has to start; a peer that does not is left out. */
async function startAll(servers, results) {
  for (const server of servers) {
    try {
      await server.start();
      results.servers.push(server.name);
    } catch (error) {
      if (server.name === 'quayside') throw error;
      results.missing.push({ name: server.name, why: error.message });
      console.log(error.message);
    }
  }
  console.log(`measured: ${results.servers.join(', ')}`);
}

/** Rounds are innermost but one: a row's runs on all servers lie close together in time. */
async function measureAll(results, servers, { client, stop }) {
  for (const row of results.rows) {
    if (stop.asked) return;
    const runners = servers.filter(({ name }) => runs(row, name));
    // Logins run through more code than anything else: after one run, half of it is still interpreted.
    const times = results.options.quick || row.figure !== 'rate' ? 1 : row.name.startsWith('login') ? 4 : 2;
    for (const server of runners) await unlessItFails(row, server, () => warmUp(row, server, { client, times }));
    for (let round = 0; round < (row.once ? 1 : results.options.rounds); round++) {
      // Nobody is always the first, whom a cold cache hits.
      const turn = round % runners.length;
      for (const server of [...runners.slice(turn), ...runners.slice(0, turn)]) {
        if (stop.asked) return;
        results.runs.push(await measureOne(row, server, { client, round }));
      }
    }
    const [summary] = summarizeAll({ ...results, rows: [row] });
    const ours = summary.ours === null ? 'failed' : shown(summary.ours.median);
    const best =
      summary.best === null
        ? ''
        : `; ${summary.best.name} ${shown(summary.best.median)}; ratio ${shown(summary.ratio)}`;
    console.log(`${row.name}: ${ours}${best} (load ${load()})`);
  }
}

function runs(row, name) {
  if (name === 'quayside') return true;
  if (row.comparedWith !== undefined) return false;
  return row.peers?.includes(name) ?? row.without?.includes(name) !== true;
}

/** A failed run is a result as well: it is in the JSON with its reason. */
async function measureOne(row, server, context) {
  const about = { row: row.name, server: server.name, round: context.round };
  const outcome = await unlessItFails(row, server, () => MEASUREMENTS[row.measure](row, server, context));
  return { ...about, ...outcome };
}

async function unlessItFails(row, server, run) {
  try {
    return await run();
  } catch (error) {
    console.log(`${server.name}, ${row.name}: ${error.message}`);
    if (row.uploadBytes !== undefined) {
      emptyUploads(row.account === undefined ? server.uploads : server.uploadsOf(row.account));
    }
    return { error: error.message };
  }
}

/** Ctrl-C ends after the run that is under way, so that nothing is left running. */
function stopper() {
  const stop = { asked: false };
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => (stop.asked = true));
  return stop;
}

await main().catch(fail);
