// `npm start`: set-up, then the standalone installation in this same process, so that a signal has one receiver.
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { fail, setup } from './setup.mjs';

await setup().catch(fail);
endWithNpm();
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
await import(pathToFileURL(join(root, 'dist/apps/standalone/apps/standalone/src/main.js')).href);

/** npm that is killed cannot pass its signal on; what it started must not stay behind. The system tells nobody. */
function endWithNpm() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 1000);
  watch.unref();
}
