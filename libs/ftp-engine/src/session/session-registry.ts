import { TransientMap } from '@quayside/domain';
import type { Session } from './session.js';

/** The live sessions of one engine. */
export class SessionRegistry {
  readonly #byId = new TransientMap<Session>();

  get size(): number {
    return this.#byId.size;
  }

  add(session: Session): void {
    this.#byId.set(session.id, session);
  }

  remove(session: Session): void {
    this.#byId.delete(session.id);
  }

  get(id: string): Session | null {
    return this.#byId.get(id) ?? null;
  }

  all(): IterableIterator<Session> {
    return this.#byId.values();
  }

  ofAccount(accountId: string): Session[] {
    return [...this.#byId.values()].filter((session) => session.grant?.accountId === accountId);
  }

  ofTenant(tenantId: string): Session[] {
    return [...this.#byId.values()].filter((session) => session.grant?.tenantId === tenantId);
  }
}
