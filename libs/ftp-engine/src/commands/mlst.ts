import { lines } from '../control/reply.js';
import { Calendar } from '../listing/calendar.js';
import { MlsxFacts } from '../listing/mlsx-facts.js';
import { defineCommand } from './define-command.js';
import { chosenFacts, mlstFeature } from './mlst-facts.js';

/** RFC 3659 §7 MLST: the facts of one name, over the control connection. */
export const mlst = defineCommand({
  directive: 'MLST',
  syntax: '{{cmd}} [<path>]',
  description: 'Show the facts of a file or directory',
  rfc: 'RFC 3659 §7',
  flags: { feat: mlstFeature },
  handler: async ({ arg, session }) => {
    const fs = session.fs!;
    const path = fs.resolve(arg);
    const facts = new MlsxFacts(chosenFacts(session), new Calendar());
    const text = facts.of(fs.withReceipt(path, await fs.stat(path)), fs.permissionsAt(path));
    return lines(250, `Listing ${path}`, [`${text} ${path}`], 'End');
  },
});
