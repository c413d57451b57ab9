import { Injectable } from '@nestjs/common';
import { AccountRepository, type LiveSessionRecord, LiveSessionRepository } from '@quayside/database';
import { DomainError, isId } from '@quayside/domain';
import type { Actor } from '../auth/actor.js';
import { ChangeLog } from '../changes/change-log.js';
import { resolveAccount } from '../http/account-filter.js';
import { type Page, readPage } from '../http/page.js';
import { isTimeAndId } from '../http/positions.js';
import { presentSession, type SessionOut, type SessionQuery } from './sessions.schema.js';

@Injectable()
export class SessionsService {
  constructor(
    private readonly sessions: LiveSessionRepository,
    private readonly accounts: AccountRepository,
    private readonly changes: ChangeLog,
  ) {}

  async list(tenantId: string, query: SessionQuery): Promise<Page<SessionOut>> {
    const { account, remoteAddress } = query;
    const resolved = await resolveAccount(this.accounts, tenantId, account);
    // Sessions of a name that no account has: there are none.
    if (resolved !== undefined && !('id' in resolved)) return { items: [], nextCursor: null };
    return readPage(
      {
        scope: { list: 'sessions', tenant: tenantId, account, remoteAddress },
        query,
        isPosition: isTimeAndId,
        positionOf: (row: LiveSessionRecord) => [row.openedAt.toISOString(), row.id],
        read: (after, limit) => this.sessions.list(tenantId, { accountId: resolved?.id, remoteAddress }, after, limit),
      },
      presentSession,
    );
  }

  async get(tenantId: string, id: string): Promise<SessionOut> {
    const session = isId(id) ? await this.sessions.find(tenantId, id) : null;
    if (session === null) throw new DomainError('session.not-found');
    return presentSession(session);
  }

  /** Asks the session's worker, wherever it runs, to end it; a running transfer is aborted. */
  async end(actor: Actor, tenantId: string, id: string, reason: string | undefined): Promise<void> {
    if (!isId(id)) throw new DomainError('session.not-found');
    await this.changes.apply(actor, async (tx) => {
      const text = reason ?? 'ended by the administrator';
      if (!(await this.sessions.requestEnd(tx, tenantId, id, text))) throw new DomainError('session.not-found');
      const entry = { tenantId, action: 'session.end', resource: 'session', resourceId: id, after: { reason: text } };
      return { result: undefined, entry };
    });
  }
}
