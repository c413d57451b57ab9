import { DOCTOR, type Diagnosis, type DoctorSubject } from './doctor-table.js';

const TITLES: readonly (readonly [DoctorSubject, string])[] = [
  ['login', 'Logins: `doctor` and `hint` of the event `login.failed`'],
  ['session', 'Sessions: `doctor` and `hint` of the event `session.closed`'],
  ['data', 'Data connections: `reason` and `hint` of the event `data.failed`, `reason` of `transfer.failed`'],
  ['transfer', 'Transfers: `reason` of the event `transfer.failed`'],
];

/** The text of docs/doctor.md. */
export function doctorPage(): string {
  const rows = Object.entries<Diagnosis>(DOCTOR);
  const sections = TITLES.map(([subject, title]) => {
    const lines = rows.filter(([, { about }]) => about === subject).map(([code, { hint }]) => `- \`${code}\`: ${hint}`);
    return `## ${title}\n\n${lines.join('\n')}\n`;
  });
  return `# The connection doctor

Every failed login, session, data connection and transfer has one of these codes in its event, with a hint that support
can read out to the customer. Clients are told less: a refused login reads the same whatever the reason.

Generated from \`libs/ftp-engine/src/doctor/doctor-table.ts\` by \`UPDATE_DOCS=1 npm test libs/ftp-engine/src/doctor\`.

${sections.join('\n')}`;
}
