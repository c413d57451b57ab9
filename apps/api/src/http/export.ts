import { Readable } from 'node:stream';
import { applyDecorators, StreamableFile } from '@nestjs/common';
import { ApiProduces, ApiResponse } from '@nestjs/swagger';
import { z } from 'zod';
import { csvLine, type CsvValue } from './csv.js';

export const exportFormat = z.enum(['ndjson', 'csv']).default('ndjson').describe('One JSON object a line, or CSV.');
export type ExportFormat = z.output<typeof exportFormat>;

/** A column of the CSV form. */
export type Column<Item> = readonly [name: string, value: (item: Item) => CsvValue];

const TYPES = { ndjson: 'application/x-ndjson', csv: 'text/csv' } as const;
/** Rows that are read at once. */
const PAGE_ROWS = 1_000;

/**
 * A whole list as a file. The next page is read when the client has taken the one before, so memory stays flat; each
 * page is a query of its own by keyset, so that a client that is slow holds no connection and no snapshot.
 * @param read rows after the given one (null: from the start), at most `limit`
 */
export function exportList<Row, Item>(options: {
  readonly name: string;
  readonly format: ExportFormat;
  readonly columns: readonly Column<Item>[];
  readonly read: (after: Row | null, limit: number) => Promise<readonly Row[]>;
  readonly present: (row: Row) => Item;
}): StreamableFile {
  const { name, format } = options;
  const stream = Readable.from(chunksOf(options), { objectMode: false, highWaterMark: 65_536 });
  return new StreamableFile(stream, {
    type: `${TYPES[format]}; charset=utf-8`,
    disposition: `attachment; filename="${name}.${format}"`,
  });
}

async function* chunksOf<Row, Item>({
  format,
  columns,
  read,
  present,
}: Parameters<typeof exportList<Row, Item>>[0]): AsyncGenerator<string> {
  if (format === 'csv') yield csvLine(columns.map(([name]) => name));
  let after: Row | null = null;
  for (;;) {
    const rows: readonly Row[] = await read(after, PAGE_ROWS);
    const lines = rows
      .map(present)
      .map((item) =>
        format === 'csv' ? csvLine(columns.map(([, value]) => value(item))) : `${JSON.stringify(item)}\n`,
      );
    if (lines.length > 0) yield lines.join('');
    if (rows.length < PAGE_ROWS) return;
    after = rows.at(-1)!;
  }
}

/** A handler that answers with {@link exportList}. */
export function AnswersExport(description: string): MethodDecorator {
  const content = Object.fromEntries(
    Object.values(TYPES).map((type) => [type, { schema: { type: 'string' as const } }]),
  );
  return applyDecorators(ApiProduces(...Object.values(TYPES)), ApiResponse({ status: 200, description, content }));
}
