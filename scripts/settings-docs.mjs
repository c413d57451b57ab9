// Writes .env.example and the settings of docs/operations.md from the built table of settings.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const built = join(root, 'dist/apps/standalone/libs/config/src/index.js');
if (!existsSync(built)) {
  console.error('Build first: npm run build');
  process.exit(1);
}
const { envExample, settingsTables } = await import(pathToFileURL(built).href);
writeFileSync(join(root, '.env.example'), envExample());

const [start, end] = ['<!-- settings:start -->', '<!-- settings:end -->'];
const file = join(root, 'docs/operations.md');
const text = readFileSync(file, 'utf8');
const [before, after] = [text.indexOf(start), text.indexOf(end)];
if (before === -1 || after === -1) throw new Error(`${file} has no place for the settings`);
writeFileSync(file, `${text.slice(0, before + start.length)}\n\n${settingsTables().trim()}\n\n${text.slice(after)}`);
