import { DomainError, type VirtualPath } from '@quayside/domain';
import { type Reply, reply } from '../control/reply.js';
import { type ByteRange, hashOfFile } from '../transfer/file-hash.js';
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
    const { hex, range } = await checksum(context, path, algorithm, (size) => ({ from: 0, to: size }));
    return reply(213, `${algorithm} ${range.from}-${range.to} ${hex} ${arg}`);
  },
});

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
  const { name, from, to } = rangedArgument(context.arg);
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
): Promise<{ hex: string; range: ByteRange }> {
  const file = await session.fs!.openRead(path, verb);
  try {
    const range = rangeOf(file.entry.size);
    return { hex: await hashOfFile(file, algorithm, range, session.engine.data.buffers, signal), range };
  } finally {
    await file.close();
  }
}

/** A name in quotes may be followed by a range; a bare name with two trailing numbers too, as old clients send it. */
export function rangedArgument(arg: string): { name: string; from: number | null; to: number | null } {
  const match =
    /^"((?:[^"]|"")*)"(?: +(\d{1,15})(?: +(\d{1,15}))?)? *$/.exec(arg) ?? /^(.*?) +(\d{1,15}) +(\d{1,15}) *$/.exec(arg);
  if (match === null) return { name: arg, from: null, to: null };
  return { name: match[1]!.replaceAll('""', '"'), from: numberOf(match[2]), to: numberOf(match[3]) };
}

function numberOf(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}
