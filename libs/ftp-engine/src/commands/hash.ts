import { DomainError, type VirtualPath } from '@quayside/domain';
import { type Reply, reply } from '../control/reply.js';
import { type ByteRange, hashOfFile } from '../transfer/file-hash.js';
import type { Session } from '../session/session.js';
import { type CommandContext, type CommandDefinition, defineCommand } from './define-command.js';
import { hashFeature } from './hash-algorithms.js';

/** draft-bryan-ftpext-hash-02 §3 HASH: checksum of the stored file, with the algorithm of OPTS HASH. */
export const hash = defineCommand({
  directive: 'HASH',
  syntax: '{{cmd}} <path>',
  description: 'Checksum of a file with the chosen algorithm',
  rfc: 'draft-bryan-ftpext-hash-02 §3',
  flags: { arg: 'required', abortable: true, feat: hashFeature },
  replyCodes: { 'path.is-directory': 553 },
  handler: async (context) => {
    const { session, arg } = context;
    const algorithm = session.hashAlgorithm;
    const path = session.fs!.resolve(arg);
    const { range } = session;
    session.range = null;
    const { hex, bytes } = await checksum(context, path, algorithm, (size) => partOf(range, size));
    return reply(
      213,
      `${algorithm} ${range === null ? `0-${bytes.to}` : `${range.first}-${bytes.to - 1}`} ${hex} ${arg}`,
    );
  },
});

/** The part that RANG asked for, up to the end of the file. */
function partOf(range: Session['range'], size: number): ByteRange {
  if (range === null) return { from: 0, to: size };
  if (range.first >= size) throw new DomainError('request.invalid', { detail: 'The range is not in the file' });
  return { from: range.first, to: Math.min(range.last + 1, size) };
}

/** XCRC, XMD5, XSHA1, XSHA256: no RFC, but what clients have sent since GlobalSCAPE; `"path" [start [end]]`. */
export const checksums: readonly CommandDefinition[] = [
  ['XCRC', 'CRC32'],
  ['XMD5', 'MD5'],
  ['XSHA1', 'SHA-1'],
  ['XSHA256', 'SHA-256'],
  ['XSHA512', 'SHA-512'],
].map(([directive, algorithm]) =>
  defineCommand({
    directive: directive!,
    syntax: '{{cmd}} <path> [<start> [<end>]]',
    description: `${algorithm!} checksum of a file or a part of it`,
    rfc: 'none (GlobalSCAPE)',
    flags: { arg: 'required', abortable: true },
    handler: (context) => ranged(context, algorithm!),
  }),
);

async function ranged(context: CommandContext, algorithm: string): Promise<Reply> {
  const { name, from, to } = await argumentOf(context);
  const path = context.session.fs!.resolve(name);
  const { hex } = await checksum(context, path, algorithm, (size) => {
    const range = { from: from ?? 0, to: Math.min(to ?? size, size) };
    if (range.from > range.to) throw new DomainError('request.invalid', { detail: 'The range is not in the file' });
    return range;
  });
  return reply(250, algorithm === 'CRC32' ? hex.toUpperCase() : hex);
}

async function checksum(
  { session, signal, verb }: CommandContext,
  path: VirtualPath,
  algorithm: string,
  rangeOf: (size: number) => ByteRange,
): Promise<{ hex: string; bytes: ByteRange }> {
  const file = await session.fs!.openRead(path, verb);
  try {
    const bytes = rangeOf(file.entry.size);
    return { hex: await hashOfFile(file, algorithm, bytes, session.engine.data.buffers, signal), bytes };
  } finally {
    await file.close();
  }
}

/** A file whose name ends in two numbers, or begins and ends with a quote, is that file. */
async function argumentOf({ arg, session }: CommandContext): Promise<RangedArgument> {
  const ranged = rangedArgument(arg);
  if (ranged.name === arg) return ranged;
  const fs = session.fs!;
  const literal = await fs.stat(fs.resolve(arg)).catch((error: unknown) => {
    if (error instanceof DomainError) return null;
    throw error;
  });
  return literal === null ? ranged : { name: arg, from: null, to: null };
}

/** A checksum command's argument; null for what it leaves out. */
export interface RangedArgument {
  readonly name: string;
  readonly from: number | null;
  readonly to: number | null;
}

/** A name in quotes may be followed by a range; a bare name with two trailing numbers too, as old clients send it. */
export function rangedArgument(arg: string): RangedArgument {
  const match =
    /^"((?:[^"]|"")*)"(?: +(\d{1,15})(?: +(\d{1,15}))?)? *$/.exec(arg) ?? /^(.*?) +(\d{1,15}) +(\d{1,15}) *$/.exec(arg);
  if (match === null) return { name: arg, from: null, to: null };
  return { name: match[1]!.replaceAll('""', '"'), from: numberOf(match[2]), to: numberOf(match[3]) };
}

function numberOf(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}
