import type { SessionGrant } from '@quayside/domain';
import type { SessionFacts, TransferFacts } from '@quayside/ftp-engine';
import type { FinishedSpan } from '@quayside/observability';

/** The root of the transfer's trace; the event consumer and the webhooks go on in it. */
export function transferSpan(
  session: Pick<SessionFacts, 'sessionId' | 'protocol'>,
  grant: Pick<SessionGrant, 'tenantId' | 'accountId'>,
  facts: TransferFacts,
): FinishedSpan {
  return {
    name: `ftp ${facts.direction}`,
    kind: 'server',
    startMs: facts.startedAtMs,
    endMs: facts.finishedAtMs,
    attributes: {
      'network.protocol.name': session.protocol,
      'session.id': session.sessionId,
      'tenant.id': grant.tenantId,
      'account.id': grant.accountId,
      'transfer.id': facts.transferId,
      'transfer.direction': facts.direction,
      'transfer.verb': facts.verb,
      'transfer.bytes': facts.bytes,
      'transfer.outcome': facts.outcome,
      'transfer.reason': facts.reason ?? undefined,
    },
    error: facts.outcome === 'completed' ? undefined : (facts.reason ?? facts.outcome),
    place: { rootOf: facts.transferId },
  };
}
