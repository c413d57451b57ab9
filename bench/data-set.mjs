import { randomFillSync } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { PEER_USER } from './sandbox.mjs';

const MIB = 2 ** 20;
export const BIG_BYTES = 1024 * MIB;
export const QUICK_BIG_BYTES = 256 * MIB;
export const HUGE_BYTES = 5 * 1024 * MIB;
export const MEDIUM_BYTES = 16 * MIB;
export const MEDIUM_FILES = 64;
export const SMALL_BYTES = 4096;

/** The files that the rows read, for the peers: `big`, `huge` (sparse), `small4k`, `m16_N`, `d10k/`, `d100k/`, `up/`. */
export function makeDataSet(folder, { bigBytes }) {
  mkdirSync(join(folder, 'up'), { recursive: true });
  const block = randomFillSync(Buffer.alloc(16 * MIB));
  const big = openSync(join(folder, 'big'), 'w');
  for (let written = 0; written < bigBytes; written += block.length) writeSync(big, block);
  closeSync(big);
  writeFileSync(join(folder, 'huge'), '');
  truncateSync(join(folder, 'huge'), HUGE_BYTES);
  writeFileSync(join(folder, 'small4k'), block.subarray(0, SMALL_BYTES));
  writeFileSync(join(folder, 'm16_0'), block);
  for (let i = 1; i < MEDIUM_FILES; i++) copyFileSync(join(folder, 'm16_0'), join(folder, `m16_${i}`));
  makeFolder(join(folder, 'd10k'), 10_000);
  makeFolder(join(folder, 'd100k'), 100_000);
  for (const path of [folder, join(folder, 'd10k'), join(folder, 'd100k')]) chmodSync(path, 0o755);
  chmodSync(join(folder, 'up'), 0o777);
  if (process.getuid?.() === 0) chownSync(join(folder, 'up'), PEER_USER.uid, PEER_USER.gid);
}

/**
 * Writes and removes a file of this size: on a virtual machine the first touch of memory costs several times what the
 * same page costs later, and whoever is measured first would pay it.
 */
export function touchMemory(folder, bytes) {
  const path = join(folder, 'touched');
  const block = Buffer.alloc(16 * MIB, 1);
  const file = openSync(path, 'w');
  for (let written = 0; written < bytes; written += block.length) writeSync(file, block);
  closeSync(file);
  rmSync(path);
}

function makeFolder(folder, entries) {
  mkdirSync(folder);
  for (let i = 0; i < entries; i++) closeSync(openSync(join(folder, `file_${String(i).padStart(6, '0')}.txt`), 'w'));
}

/** The same files once more, by hard links: memory is not paid twice. */
export function shareDataSet(from, to) {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.name === 'up') continue;
    const target = join(to, entry.name);
    if (!entry.isDirectory()) {
      linkSync(join(from, entry.name), target);
      continue;
    }
    mkdirSync(target, { mode: 0o755 });
    for (const name of readdirSync(join(from, entry.name))) {
      linkSync(join(from, entry.name, name), join(target, name));
    }
  }
}

/** Takes away what uploads left; throws where one of them has not the size that was sent. */
export function emptyUploads(folder, { expectedBytes } = {}) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const { size } = statSync(path);
    if (expectedBytes !== undefined && size !== expectedBytes) throw new Error(`${name} has ${size} bytes`);
    rmSync(path);
  }
}
