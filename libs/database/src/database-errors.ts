import { DomainError } from '@quayside/domain';

/** SQLSTATE classes and codes that mean "not now": connection lost, shutting down, out of resources, timed out. */
const UNAVAILABLE_SQLSTATE = /^(?:08...|57P0[1-5]|53...|57014|55P03|25P0[34])$/;
const UNAVAILABLE_SYSTEM = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);
/** Prisma's codes for the same: unreachable, timed out, connection closed, no connection free in the pool. */
const UNAVAILABLE_PRISMA = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2037']);
/** pg reports these three without a code. */
const UNAVAILABLE_PG_TEXT =
  /^(?:Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error)/;

/** Whether a thrown value means that the database cannot be had now, as opposed to a wrong statement. */
export function isUnavailable(thrown: unknown): boolean {
  for (const code of codesOf(thrown)) {
    if (UNAVAILABLE_SYSTEM.has(code) || UNAVAILABLE_PRISMA.has(code) || UNAVAILABLE_SQLSTATE.test(code)) return true;
  }
  return thrown instanceof Error && UNAVAILABLE_PG_TEXT.test(thrown.message);
}

/** What a repository throws for a failed statement: `database.unavailable`, or the fault itself, which is a bug. */
export function asDatabaseError(thrown: unknown): unknown {
  if (thrown instanceof DomainError || !isUnavailable(thrown)) return thrown;
  return new DomainError('database.unavailable', { cause: thrown });
}

/** Whether a unique constraint refused the statement (pg 23505, Prisma P2002). */
export function isUniqueViolation(thrown: unknown): boolean {
  return codesOf(thrown).some((code) => code === '23505' || code === 'P2002');
}

/** Whether a foreign key refused the statement (pg 23503, 23001, Prisma P2003). */
export function isForeignKeyViolation(thrown: unknown): boolean {
  return codesOf(thrown).some((code) => code === '23503' || code === '23001' || code === 'P2003');
}

/** Whether the same transaction may succeed when it is run again (serialization failure, deadlock). */
export function isRetryable(thrown: unknown): boolean {
  return codesOf(thrown).some((code) => code === '40001' || code === '40P01' || code === 'P2034');
}

/**
 * Whether the values themselves were refused (SQLSTATE classes 22, 23 and 54): the same statement with the same values
 * cannot succeed later. A missing table, column or right is not among them: that is mended by a migration.
 */
export function isContentRefused(thrown: unknown): boolean {
  return codesOf(thrown).some((code) => /^(?:22|23|54)[0-9A-Z]{3}$/.test(code));
}

/** The error's own code and, for Prisma's driver-adapter errors, the codes of what it wraps. */
function codesOf(thrown: unknown): string[] {
  const codes: string[] = [];
  let current: unknown = thrown;
  for (let depth = 0; depth < 5 && typeof current === 'object' && current !== null; depth++) {
    const { code, originalCode, cause, meta } = current as {
      code?: unknown;
      originalCode?: unknown;
      cause?: unknown;
      meta?: { driverAdapterError?: unknown };
    };
    if (typeof code === 'string') codes.push(code);
    if (typeof originalCode === 'string') codes.push(originalCode);
    current = cause ?? meta?.driverAdapterError;
  }
  return codes;
}
