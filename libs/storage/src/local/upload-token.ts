import { fstatSync } from 'node:fs';

/** Which object a sealed upload is, in a form that survives the process. */
export interface StagedToken {
  readonly mode: 'staged';
  readonly bytes: number;
  readonly device: bigint;
  readonly inode: bigint;
  /** Tells objects apart that got the same inode one after the other. */
  readonly birthNs: bigint;
}

export interface DirectToken {
  readonly mode: 'direct';
  readonly bytes: number;
  readonly replacedBytes: number | null;
}

/** `identity` is that of the native library's FileIdentity. */
export function stagedToken(bytes: number, identity: string): string {
  return `s.${bytes}.${identity}`;
}

export function directToken(bytes: number, replacedBytes: number | null): string {
  return `d.${bytes}.${replacedBytes ?? ''}`;
}

/** Null for text that is not ours. */
export function parseToken(text: string): StagedToken | DirectToken | null {
  const staged = /^s\.(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (staged !== null) {
    const [, bytes, device, inode, birthNs] = staged;
    return {
      mode: 'staged',
      bytes: Number(bytes),
      device: BigInt(device!),
      inode: BigInt(inode!),
      birthNs: BigInt(birthNs!),
    };
  }
  const direct = /^d\.(\d+)\.(\d*)$/.exec(text);
  if (direct === null) return null;
  return { mode: 'direct', bytes: Number(direct[1]), replacedBytes: direct[2] === '' ? null : Number(direct[2]) };
}

/** Whether an open file is the object of a token. */
export function isObject(fd: number, token: StagedToken): boolean {
  const stats = fstatSync(fd, { bigint: true });
  return stats.dev === token.device && stats.ino === token.inode && stats.birthtimeNs === token.birthNs;
}
