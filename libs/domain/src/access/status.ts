import { ALL_PERMISSIONS, type PermissionMask, maskOf } from './permission.js';

/** Graded suspension of a tenant or an account; each grade takes at least as much as the one before. */
export const STATUSES = ['active', 'read_only', 'download_only', 'suspended'] as const;
export type Status = (typeof STATUSES)[number];

const MASK: Record<Status, PermissionMask> = {
  active: ALL_PERMISSIONS,
  read_only: maskOf(['list', 'download']),
  // The same as read_only to the commands: who cannot list finds nothing to download. It differs in what it announces.
  download_only: maskOf(['list', 'download']),
  suspended: 0,
};

const DEFAULT_TEXT: Record<Status, string | null> = {
  active: null,
  read_only: 'This account is read-only at present',
  download_only: 'This account can only download at present',
  suspended: 'This account is suspended',
};

/** What a status leaves of an account's permissions. */
export function statusMask(status: Status): PermissionMask {
  return MASK[status];
}

export function stricterStatus(a: Status, b: Status): Status {
  return STATUSES.indexOf(a) >= STATUSES.indexOf(b) ? a : b;
}

/** Status of a tenant or an account with the text that its admin wrote for the customer. */
export interface StatusFacts {
  readonly status: Status;
  readonly statusText: string | null;
}

/** The status that holds for an account, who set it, and what the customer is told. */
export interface EffectiveStatus {
  readonly status: Status;
  readonly source: 'tenant' | 'account';
  /** The text written for the customer; null where nobody wrote one. */
  readonly customText: string | null;
  /** What to show: the written text, or a plain sentence; null while active. */
  readonly text: string | null;
}

/** The stricter of the tenant's and the account's status; where they are equal, the account's text goes first. */
export function effectiveStatus(tenant: StatusFacts, account: StatusFacts): EffectiveStatus {
  const status = stricterStatus(tenant.status, account.status);
  const source = account.status === status ? 'account' : 'tenant';
  if (status === 'active') return { status, source, customText: null, text: null };
  const candidates = [account, tenant].filter((facts) => facts.status === status);
  const customText = candidates.map(({ statusText }) => statusText?.trim() ?? '').find((text) => text !== '') ?? null;
  return { status, source, customText, text: customText ?? DEFAULT_TEXT[status] };
}

/** What to tell a customer whose status refuses something; `text` is what an admin wrote. */
export function statusSentence(status: Status, text: string | null): string | null {
  return status === 'active' ? null : (text ?? DEFAULT_TEXT[status]);
}
