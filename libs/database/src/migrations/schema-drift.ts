import type { PrismaFolder } from './prisma-folder.js';
import { openSchemaEngine } from './schema-engine.js';

/** The SQL that would turn the migrated database into the schema files' one; empty where they agree. */
export async function schemaDrift(url: string, folder: PrismaFolder): Promise<string> {
  const { engine, close } = await openSchemaEngine(url, folder.schema);
  try {
    const { stdout } = await engine.diff({
      from: { tag: 'schemaDatasource', files: schemaFiles(folder), configDir: folder.path },
      to: { tag: 'schemaDatamodel', files: schemaFiles(folder) },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    });
    return (stdout ?? '').replaceAll(/^-- This is an empty migration\.$/gm, '').trim();
  } finally {
    await close();
  }
}

function schemaFiles(folder: PrismaFolder): { path: string; content: string }[] {
  return folder.schema.map(({ path, content }) => ({ path, content }));
}
