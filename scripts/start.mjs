// `npm start`: set-up, then the standalone installation in this same process, so that a signal has one receiver.
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { fail, setup } from './setup.mjs';

await setup().catch(fail);
process.setSourceMapsEnabled(true);
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
await import(pathToFileURL(join(root, 'dist/apps/standalone/apps/standalone/src/main.js')).href);
