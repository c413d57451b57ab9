import { Injectable } from '@nestjs/common';
import { AccountRepository, type LiveSessionRecord, LiveSessionRepository } from '@quayside/database';
import { DomainError, isId } from '@quayside/domain';
import type { Actor } from '../auth/actor.js';
import { ChangeLog } from '../changes/change-log.js';
import { resolveAccount } from '../http/account-filter.js';
import { type Page, readPage } from '../http/page.js';
import { isTimeAndId } from '../http/positions.js';
import {
  type EndPlatformSessionsQuery,
  type EndSessionsQuery,
  type PlatformSessionOut,
  type PlatformSessionQuery,
  presentPlatformSession,
  presentSession,
  type SessionOut,
  type SessionQuery,
} from './sessions.schema.js';

const DEFAULT_REASON = 'ended by the administrator';

@Injectable()
export class SessionsService {
  constructor(
    private readonly sessions: LiveSessionRepository,
    private readonly accounts: AccountRepository,
    private readonly changes: ChangeLog,
  ) {}

  async list(tenantId: string, query: SessionQuery): Promise<Page<SessionOut>> {
    const { limit: _, cursor: __, account, ...rest } = query;
    const filter = filterOf(rest);
    const resolved = await resolveAccount(this.accounts, tenantId, account);
    // Sessions of a name that no account has: there are none.
    if (resolved !== undefined && !('id' in resolved)) return { items: [], nextCursor: null };
    return readPage(
      {
        scope: { list: 'sessions', tenant: tenantId, account, ...filter },
        query,
        isPosition: isTimeAndId,
        positionOf: (row: LiveSessionRecord) => [row.openedAt.toISOString(), row.id],
        read: (after, limit) => this.sessions.list(tenantId, { accountId: resolved?.id, ...filter }, after, limit),
      },
      presentSession,
    );
  }

  /** Of all tenants. */
  listAll(query: PlatformSessionQuery): Promise<Page<PlatformSessionOut>> {
    const { limit: _, cursor: __, ...rest } = query;
    const filter = filterOf(rest);
    return readPage(
      {
        scope: { list: 'platform-sessions', ...filter },
        query,
        isPosition: isTimeAndId,
        positionOf: (row: LiveSessionRecord) => [row.openedAt.toISOString(), row.id],
        read: (after, limit) => this.sessions.list(null, filter, after, limit),
      },
      presentPlatformSession,
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
      const text = reason ?? DEFAULT_REASON;
      if (!(await this.sessions.requestEnd(tx, tenantId, id, text))) throw new DomainError('session.not-found');
      const entry = { tenantId, action: 'session.end', resource: 'session', resourceId: id, after: { reason: text } };
      return { result: undefined, entry };
    });
  }

  /** All sessions of an account, of an address, or of the account from the address. */
  async endMany(actor: Actor, tenantId: string, query: EndSessionsQuery): Promise<{ readonly ended: number }> {
    const resolved = await resolveAccount(this.accounts, tenantId, query.account);
    if (resolved !== undefined && !('id' in resolved)) throw new DomainError('account.not-found');
    return this.#endMany(actor, tenantId, { accountId: resolved?.id, remoteAddress: query.address }, query.reason);
  }

  /** All sessions of an address, whatever tenant they belong to. */
  endAddress(actor: Actor, query: EndPlatformSessionsQuery): Promise<{ readonly ended: number }> {
    return this.#endMany(actor, null, { remoteAddress: query.address }, query.reason);
  }

  #endMany(
    actor: Actor,
    tenantId: string | null,
    filter: { readonly accountId?: string | undefined; readonly remoteAddress?: string | undefined },
    reason: string | undefined,
  ): Promise<{ readonly ended: number }> {
    const text = reason ?? DEFAULT_REASON;
    return this.changes.apply(actor, async (_tx, queries) => {
      const ended = await this.sessions.requestEndOfMany(queries, tenantId, filter, text);
      const entry = {
        tenantId,
        ...(filter.accountId === undefined ? {} : { accountId: filter.accountId }),
        action: 'session.end-many',
        resource: 'session',
        resourceId: filter.accountId ?? filter.remoteAddress ?? '',
        after: { ...filter, reason: text, ended },
      };
      return { result: { ended }, entry: ended === 0 ? null : entry };
    });
  }
}

function filterOf({ address, remoteAddress, ...rest }: Omit<PlatformSessionQuery, 'limit' | 'cursor'>) {
  return { remoteAddress: address ?? remoteAddress, ...rest };
}
