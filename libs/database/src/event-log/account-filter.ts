import type { ListQuery } from '../list-query.js';

/** An account of a log: by id, which also finds deleted accounts, or by a name that belongs to none any more. */
export type AccountFilterValue = { readonly id: string } | { readonly name: string };

export function whereAccount(
  query: ListQuery,
  idColumn: string,
  account: AccountFilterValue,
  nameColumn: string,
): void {
  if ('id' in account) query.where(`${idColumn} = ?::uuid`, account.id);
  else query.where(`${nameColumn} = ?`, account.name);
}
