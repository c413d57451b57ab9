// Writes docs/openapi.json, docs/errors.md and docs/events.md from the built API. Nothing is started or connected to.
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const built = join(root, 'dist/apps/api/apps/api/src/docs/generated-docs.js');
if (!existsSync(built)) {
  console.error('Build first: npm run build');
  process.exit(1);
}
const { generatedDocs } = await import(pathToFileURL(built).href);
for (const [name, text] of Object.entries(await generatedDocs())) writeFileSync(join(root, 'docs', name), text);
