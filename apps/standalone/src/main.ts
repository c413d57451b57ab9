import { ConfigError, loadConfig } from '@quayside/config';
import { dropStartGarbage, FATAL_EXIT_CODE, FatalError, followSources } from '@quayside/supervisor';
import { Installation } from './installation.js';

/** Ctrl-C under npm arrives twice: from the terminal and passed on by npm. Only a later one means impatience. */
const SAME_REQUEST_MS = 2_000;

async function main(): Promise<number> {
  followSources();
  const stopRequest = new AbortController();
  let exitCode = 0;
  let requestedAt = 0;
  const onSignal = (): void => {
    if (requestedAt === 0) requestedAt = performance.now();
    else if (performance.now() - requestedAt > SAME_REQUEST_MS) process.exit(1);
    stopRequest.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);

  const installation = new Installation({
    config: loadConfig(process.env),
    env: process.env,
    out: print,
    onFatal: (message) => {
      process.stderr.write(`\n${message}\n`);
      exitCode = FATAL_EXIT_CODE;
      stopRequest.abort();
    },
    signal: stopRequest.signal,
  });
  const stopped = new Promise<void>((resolve) => {
    stopRequest.signal.addEventListener('abort', () => resolve());
  });
  try {
    await installation.start();
    dropStartGarbage();
    await stopped;
  } catch (error) {
    if (!stopRequest.signal.aborted) throw error;
  } finally {
    await installation.stop();
  }
  return exitCode;
}

function print(text: string): void {
  process.stdout.write(text);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    const expected = error instanceof FatalError || error instanceof ConfigError;
    const text = error instanceof Error ? (expected ? error.message : (error.stack ?? error.message)) : String(error);
    process.stderr.write(`\n${text}\n`);
    process.exit(expected ? FATAL_EXIT_CODE : 1);
  },
);
