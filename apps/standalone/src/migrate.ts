import { chmodSync } from 'node:fs';
import { loadConfig } from '@quayside/config';
import { exitFatally, FatalError, followSources } from '@quayside/supervisor';
import { certificateFiles } from './certificate.js';
import { prepareDatabase } from './prepare-database.js';

/**
 * The one-shot command of an installation whose apps are run by an orchestrator: brings the database up to date and
 * makes the self-signed certificate that the FTP workers share, then ends.
 */
async function main(): Promise<void> {
  followSources();
  const config = loadConfig(process.env);
  const { url } = config.database;
  if (url === undefined) throw new FatalError('DATABASE_URL is not set. Set it to the PostgreSQL to prepare.');
  await prepareDatabase(url, say);
  const { certFile, keyFile, selfSigned } = await certificateFiles(config);
  if (selfSigned) {
    chmodSync(keyFile, 0o600);
    say(`The certificate is ${certFile}, its key ${keyFile}.`);
  }
  say('The database is up to date.');
}

function say(message: string): void {
  process.stdout.write(`${message}\n`);
}

main().catch(exitFatally);
