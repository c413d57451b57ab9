/** User names: SEMANTICS §10; compared case-folded. */
export const USERNAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/;
/** Tenant slugs are DNS labels, so that `user@slug` and host names can share them. */
export const SLUG_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** Longest login name accepted from a client, in UTF-8 bytes. */
export const MAX_LOGIN_BYTES = 128;

/** A login name split into its parts; `tenant` is a slug or a domain, or null where the name carries none. */
export interface LoginName {
  readonly username: string;
  readonly tenant: string | null;
}

/**
 * Split what a client sent with USER: `user@tenant` at the last `@`, or `tenant|user` and `tenant/user` for clients
 * whose URL parser breaks on `@`. Both parts come back case-folded. Returns null for names that cannot exist.
 */
export function parseLoginName(login: string): LoginName | null {
  if (login.length === 0 || Buffer.byteLength(login) > MAX_LOGIN_BYTES) return null;
  const at = login.lastIndexOf('@');
  if (at >= 0) return named(login.slice(0, at), login.slice(at + 1));
  const bar = login.search(/[|/]/);
  if (bar >= 0) return named(login.slice(bar + 1), login.slice(0, bar));
  return USERNAME_PATTERN.test(login) ? { username: login.toLowerCase(), tenant: null } : null;
}

function named(username: string, tenant: string): LoginName | null {
  if (tenant.length === 0 || username.length === 0) return null;
  return { username: username.toLowerCase(), tenant: tenant.toLowerCase() };
}

/** The login name a customer types: `user@acme`. */
export function loginNameOf(username: string, slug: string): string {
  return `${username}@${slug}`;
}
