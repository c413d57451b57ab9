// `npm run audit:verify`: walks the chain of the audit log; exits with 1 where an entry was changed or removed.
import { builtModule, installationDatabaseUrl } from './installation-database.mjs';

const { AuditRepository, openDatabase } = await builtModule('api', 'libs/database/src/index.js');

const database = openDatabase({
  url: installationDatabaseUrl(),
  role: 'quayside_api',
  poolSize: 1,
  applicationName: 'quayside audit:verify',
});
try {
  const { entries, last, fault } = await new AuditRepository(database).verify();
  if (fault === null) {
    console.log(
      `The audit log is intact: ${entries} entries${last === null ? '' : `, the last is ${last.seq} ${last.hash}`}.`,
    );
  } else {
    console.error(`Entry ${fault.seq} (${fault.id}) is ${fault.reason}; the ${entries} entries before it are intact.`);
    process.exitCode = 1;
  }
} finally {
  await database.close();
}
