// `npm run usage:rebuild`: counts the usage of the months that are not closed again from the event log. Events that come
// meanwhile wait in the queue.
import { builtModule, installationDatabaseUrl } from './installation-database.mjs';

const { openDatabase } = await builtModule('event-consumer', 'libs/database/src/index.js');
const { rebuildUsageFromLog } = await builtModule('event-consumer', 'apps/event-consumer/src/projections/rebuild.js');

const database = openDatabase({
  url: installationDatabaseUrl(),
  role: 'quayside_consumer',
  poolSize: 1,
  applicationName: 'quayside usage:rebuild',
  statementTimeoutMs: 24 * 3_600_000,
});
try {
  const events = await rebuildUsageFromLog(database);
  console.log(`Usage was counted again from ${events} events.`);
} finally {
  await database.close();
}
