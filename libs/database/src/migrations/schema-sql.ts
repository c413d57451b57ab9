import type { PrismaFolder } from './prisma-folder.js';
import { openSchemaEngine } from './schema-engine.js';

/**
 * The SQL that makes the schema files' tables in an empty database: the start of the first migration, and what the
 * drift test compares with. (The engine can also compare by itself, but through the adapter it cannot read the catalog
 * of partitioned tables.)
 * @param url any database that answers; it is not changed.
 */
export async function schemaSql(url: string, folder: PrismaFolder): Promise<string> {
  const opened = await openSchemaEngine(url, folder.schema);
  try {
    const { stdout } = await opened.engine.diff({
      from: { tag: 'empty' },
      to: { tag: 'schemaDatamodel', files: folder.schema.map(({ path, content }) => ({ path, content })) },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    });
    return stdout ?? '';
  } finally {
    await opened.close();
  }
}
