import { migrate, MigrationError } from '@quayside/database';
import { runQueueMigrations } from '@quayside/queue';
import { FatalError } from '@quayside/supervisor';

/** Migrations of our tables and of the queue's, under one lock. */
export async function prepareDatabase(url: string, log: (message: string) => void): Promise<void> {
  try {
    await migrate({ url, log, afterMigrate: (client) => runQueueMigrations(client) });
  } catch (error) {
    if (error instanceof MigrationError) throw new FatalError(error.message, { cause: error });
    throw error;
  }
}
