import { Injectable } from '@nestjs/common';
import { type BanRecord, LiveSessionRepository, LoginThrottleRepository } from '@quayside/database';
import { DomainError, parseLoginName } from '@quayside/domain';
import type { Actor } from '../auth/actor.js';
import { ChangeLog } from '../changes/change-log.js';
import type { Position } from '../http/cursor.js';
import { type Page, readPage } from '../http/page.js';
import { type BanOut, type BanQuery, type CreateBan, presentBan } from './bans.schema.js';

/** How long a ban lasts that names no end. */
const DAY_MS = 24 * 3_600_000;
/** Longest id: a login and an address, in base64. */
const LONGEST_ID = 600;

/** Bans of the brute-force defence. Every worker hears of a change within a second. */
@Injectable()
export class BansService {
  constructor(
    private readonly throttle: LoginThrottleRepository,
    private readonly sessions: LiveSessionRepository,
    private readonly changes: ChangeLog,
  ) {}

  list(query: BanQuery): Promise<Page<BanOut>> {
    const { address = null, login = null } = query;
    return readPage(
      {
        scope: { list: 'bans', address, login },
        query,
        isPosition: isTimeAndKey,
        positionOf: (row: BanRecord) => [row.bannedAt.toISOString(), row.key],
        read: (after, limit) =>
          this.throttle.list({
            most: limit,
            after: after === null ? null : { bannedAt: new Date(after[0]!), key: String(after[1]) },
            source: address,
            login,
          }),
      },
      presentBan,
    );
  }

  /** Ends what the address has open as well: unlike a ban for failed logins, an admin's means whoever is there. */
  create(actor: Actor, { address, login, until, reason }: CreateBan): Promise<BanOut> {
    return this.changes.apply(actor, async (_tx, queries) => {
      const ban = await this.throttle.ban(
        { login: login ?? '', source: address },
        until ?? new Date(Date.now() + DAY_MS),
        reason,
        queries,
      );
      const name = login === undefined ? null : parseLoginName(login);
      const meansSomebody = login === undefined || name !== null;
      const ended = meansSomebody ? await this.sessions.requestEndOfSource(queries, address, name, 'banned') : 0;
      const after = presentBan(ban);
      return { result: after, entry: { ...subject(after), action: 'ban.create', after: { ...after, ended } } };
    });
  }

  end(actor: Actor, id: string, reason: string | undefined): Promise<void> {
    return this.changes.apply(actor, async (_tx, queries) => {
      const key = id.length > LONGEST_ID ? '' : Buffer.from(id, 'base64url').toString('utf8').replaceAll('\0', '');
      const ban = await this.throttle.unban(key, queries);
      if (ban === null) throw new DomainError('ban.not-found');
      const before = presentBan(ban);
      const after = reason === undefined ? undefined : { reason };
      return { result: undefined, entry: { ...subject(before), action: 'ban.end', before, after } };
    });
  }
}

function subject({ id }: BanOut) {
  return { tenantId: null, resource: 'ban', resourceId: id };
}

function isTimeAndKey([time, key, ...rest]: Position): boolean {
  const isTime = typeof time === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(time);
  return isTime && typeof key === 'string' && !key.includes('\0') && rest.length === 0;
}
