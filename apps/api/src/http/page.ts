import { z } from 'zod';
import { decodeCursor, encodeCursor, type Position } from './cursor.js';

export const MAX_PAGE = 200;
export const DEFAULT_PAGE = 50;

/** Query parameters that every list takes. */
export const pageParameters = {
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE).describe('Most items of the page.'),
  cursor: z
    .string()
    .min(1)
    .max(1000)
    .optional()
    .describe('`nextCursor` of the page before; the filters and the sort must be the same.'),
};

/** The answer of a list. */
export function pageOf<Item extends z.ZodType>(name: string, item: Item) {
  return z
    .object({
      items: z.array(item),
      nextCursor: z
        .string()
        .nullable()
        .describe(
          'Cursor of the next page; null on the last one. A page with a cursor may have fewer items than asked for.',
        ),
    })
    .meta({ id: name });
}

export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** Rows of a search that may stop before the end of the list. */
export interface Found<Row> {
  readonly rows: readonly Row[];
  /** How far it has come; null: there is nothing behind these rows. */
  readonly searchedTo: Position | null;
}

export interface PagePlan<Row> {
  /** Names the list and whatever narrows or orders it; a cursor is valid for the same scope only. */
  readonly scope: unknown;
  readonly query: PageQuery;
  readonly isPosition: (position: Position) => boolean;
  readonly positionOf: (row: Row) => Position;
  /** Reads the rows after the position, at most `limit` of them. */
  readonly read: (after: Position | null, limit: number) => Promise<readonly Row[] | Found<Row>>;
}

/** One page by keyset: no page is slower than the first, and rows that come or go shift nothing. */
export async function readPage<Row, Item>(plan: PagePlan<Row>, present: (row: Row) => Item): Promise<Page<Item>> {
  const { cursor, limit } = plan.query;
  const after = cursor === undefined ? null : decodeCursor(plan.scope, cursor, plan.isPosition);
  // One row more than asked for tells whether there is another page.
  const read = await plan.read(after, limit + 1);
  const { rows, searchedTo } = 'rows' in read ? read : { rows: read, searchedTo: null };
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const next = rows.length > limit && last !== undefined ? plan.positionOf(last) : searchedTo;
  return { items: items.map(present), nextCursor: next === null ? null : encodeCursor(plan.scope, next) };
}
