import type { UsageIncrement } from '@quayside/database';
import type { CatalogEvent } from '@quayside/events';

/** What an event adds to the usage of its account in its hour; null where it adds nothing. */
export function usageIncrement(event: CatalogEvent): UsageIncrement | null {
  switch (event.type) {
    case 'transfer.completed':
    case 'transfer.failed': {
      const { direction, bytes, dataTls } = event.data;
      // Bytes that crossed the wire are counted however the transfer ended.
      const traffic: UsageIncrement =
        direction === 'upload'
          ? { bytesUp: bytes, bytesUpTls: dataTls ? bytes : 0 }
          : { bytesDown: bytes, bytesDownTls: dataTls ? bytes : 0 };
      if (event.type === 'transfer.failed') return { ...traffic, failures: 1 };
      return direction === 'upload' ? { ...traffic, uploads: 1 } : { ...traffic, downloads: 1 };
    }
    case 'file.deleted':
      return { deletes: 1 };
    case 'login.succeeded':
      return { logins: 1 };
    case 'login.failed':
      return { loginFailures: 1 };
    default:
      return null;
  }
}
