import { type AccountFilterValue, AccountRepository } from '@quayside/database';
import { isId } from '@quayside/domain';
import { z } from 'zod';

export const accountFilter = z
  .string()
  .min(1)
  .max(64)
  .toLowerCase()
  .optional()
  .describe('Id or user name; the id also finds deleted accounts.');

/** A name means the account that has it now, whatever it was called then; else what the log itself calls it. */
export async function resolveAccount(
  accounts: AccountRepository,
  tenantId: string,
  account: string | undefined,
): Promise<AccountFilterValue | undefined> {
  if (account === undefined) return undefined;
  if (isId(account)) return { id: account };
  const found = await accounts.find(tenantId, account);
  return found === null ? { name: account } : { id: found.id };
}
