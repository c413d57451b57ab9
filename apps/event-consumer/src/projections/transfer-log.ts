import type { TransferRow } from '@quayside/database';
import type { CatalogEvent } from '@quayside/events';

/** The row of the transfer log that an event makes; null where it makes none. */
export function transferRow(event: CatalogEvent): TransferRow | null {
  if (event.type !== 'transfer.completed' && event.type !== 'transfer.failed') return null;
  const { tenantId, accountId, sessionId, data } = event;
  if (tenantId === null || accountId === null || sessionId === null) return null;
  return {
    id: data.transferId,
    startedAt: data.startedAt,
    finishedAt: data.finishedAt,
    tenantId,
    accountId,
    account: data.account,
    sessionId,
    spaceId: data.spaceId,
    direction: data.direction,
    path: data.path,
    bytes: data.bytes,
    outcome: event.type === 'transfer.completed' ? 'completed' : event.data.outcome,
    reason: event.type === 'transfer.completed' ? null : event.data.reason,
    sha256: data.sha256,
    protocol: data.protocol,
    remoteAddress: data.remoteAddress,
    node: event.node,
  };
}
