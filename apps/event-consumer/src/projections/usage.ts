import type { UsageIncrement } from '@quayside/database';
import type { CatalogEvent } from '@quayside/events';

/** What an event adds to the usage of its account, by space; empty where it adds nothing. */
export function usageIncrements(event: CatalogEvent): readonly UsageIncrement[] {
  switch (event.type) {
    case 'transfer.completed':
    case 'transfer.failed': {
      const { direction, bytes, dataTls, protocol, spaceId, delta } = event.data;
      const ftps = protocol === 'ftps' ? bytes : 0;
      const tls = dataTls ? bytes : 0;
      // Bytes that crossed the wire are counted however the transfer ended.
      const traffic: UsageIncrement =
        direction === 'upload'
          ? { spaceId, bytesUp: bytes, bytesUpFtps: ftps, bytesUpTls: tls }
          : { spaceId, bytesDown: bytes, bytesDownFtps: ftps, bytesDownTls: tls };
      if (event.type === 'transfer.failed') return [{ ...traffic, failures: 1 }, ...stored([delta])];
      return [direction === 'upload' ? { ...traffic, uploads: 1 } : { ...traffic, downloads: 1 }, ...stored([delta])];
    }
    case 'file.deleted':
      return [{ spaceId: event.data.delta.spaceId, deletes: 1 }, ...stored([event.data.delta])];
    case 'file.renamed':
      return stored(event.data.deltas);
    case 'space.removed':
      return stored([event.data.delta]);
    case 'login.succeeded':
      return [{ logins: 1 }];
    case 'login.failed':
      return [{ loginFailures: 1 }];
    default:
      return [];
  }
}

function stored(
  deltas: readonly ({ readonly spaceId: string; readonly bytes: number; readonly files: number } | null)[],
): UsageIncrement[] {
  return deltas.flatMap((delta) =>
    delta === null || (delta.bytes === 0 && delta.files === 0)
      ? []
      : [{ spaceId: delta.spaceId, storedBytes: delta.bytes, storedFiles: delta.files }],
  );
}
