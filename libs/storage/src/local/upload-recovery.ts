import { closeSync, constants } from 'node:fs';
import { O_PATH } from '@quayside/native';
import type { Recovery, UploadTarget } from '../storage-backend.js';
import type { DirectNote } from './direct-writer.js';
import { type LocalSpace, systemPath } from './local-space.js';
import { shadowsOlder } from './staged-writer.js';
import type { StagingArea } from './staging-area.js';
import { isObject, parseToken, type StagedToken } from './upload-token.js';

/**
 * What became of an upload whose process died. The staged name tells: it still holds the sealed object (not published),
 * it holds another object (what the exchange replaced), or it is gone (published onto a free name, or replaced portably:
 * then the old file has its `.old` name). A sealed upload that was thrown away in the instant before the crash cannot be
 * told from a published one that nothing is left of; the engine journals such a failure before it can matter.
 */
export function recoverUpload(
  space: LocalSpace,
  staging: StagingArea,
  target: UploadTarget,
  token: string | null,
): Recovery {
  const parsed = token === null ? null : parseToken(token);
  if (parsed?.mode === 'direct') {
    const finish = () => dropLock(staging, target);
    return { published: true, bytes: parsed.bytes, replacedBytes: parsed.replacedBytes, finish };
  }
  const inPlace = parsed === null ? recoverDirect(space, staging, target) : null;
  if (inPlace !== null) return inPlace;
  return parsed === null ? keepUpload(space, staging, target) : recoverSealed(space, staging, target, parsed);
}

function recoverSealed(space: LocalSpace, staging: StagingArea, target: UploadTarget, token: StagedToken): Recovery {
  const upload = staging.uploadName(target);
  const old = upload.replace(/\.up$/, '.old');
  const { folder } = staging;
  const holdsObject = (name: string) => {
    const fd = folder.open(name, O_PATH === 0 ? constants.O_RDONLY : O_PATH);
    try {
      return isObject(fd, token);
    } finally {
      closeSync(fd);
    }
  };
  const published = (name: string, replacedBytes: number | null): Recovery => ({
    published: true,
    bytes: token.bytes,
    replacedBytes,
    async finish() {
      if (replacedBytes !== null) await staging.drop(name, replacedBytes);
      staging.dropPartial(target.path, target.accountId);
      staging.dropSidecar(target);
    },
  });
  const staged = folder.facts(upload);
  if (staged !== null && !holdsObject(upload)) return published(upload, staged.size);
  if (staged !== null) {
    folder.unlink(old);
    return keepUpload(space, staging, target);
  }
  const replaced = folder.facts(old);
  if (replaced !== null) return published(old, replaced.size);
  const elsewhere = staging.findObject(target, (facts) => BigInt(facts.inode) === BigInt(Number(token.inode)));
  if (elsewhere !== null && holdsObject(elsewhere)) {
    return { published: false, keptBytes: elsewhere.endsWith('.part') ? token.bytes : 0, inPlace: null };
  }
  return published(upload, null);
}

/** The staged bytes become the account's partial. */
function keepUpload(space: LocalSpace, staging: StagingArea, target: UploadTarget): Recovery {
  const upload = staging.uploadName(target);
  const facts = staging.folder.facts(upload);
  if (facts === null) {
    // Kept already, by the writer itself or by an earlier recovery.
    const kept = staging.partial(target.path, target.accountId);
    return { published: false, keptBytes: kept?.transferId === target.transferId ? kept.bytes : 0, inPlace: null };
  }
  if (facts.size > 0 || shadowsOlder(space, staging, target)) staging.keep(target, upload);
  else {
    staging.folder.unlink(upload);
    staging.dropSidecar(target);
  }
  return { published: false, keptBytes: facts.size, inPlace: null };
}

/** An unsealed direct upload: what is at the name stays there. Null where the upload was not a direct one. */
function recoverDirect(space: LocalSpace, staging: StagingArea, target: UploadTarget): Recovery | null {
  const lock = staging.lockName(target.path);
  const note = staging.readNote(lock) as DirectNote | null;
  if (note?.transferId !== target.transferId) return null;
  const bytes = space.files.facts(systemPath(target.path))?.size ?? 0;
  staging.folder.unlink(lock);
  return { published: false, keptBytes: bytes, inPlace: { bytes, replacedBytes: note.replacedBytes } };
}

async function dropLock(staging: StagingArea, target: UploadTarget): Promise<void> {
  const lock = staging.lockName(target.path);
  const note = staging.readNote(lock) as DirectNote | null;
  if (note?.transferId === target.transferId) await staging.drop(lock, 0);
}
