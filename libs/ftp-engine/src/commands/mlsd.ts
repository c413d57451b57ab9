import { childOf } from '@quayside/domain';
import { Calendar } from '../listing/calendar.js';
import { inOrder } from '../listing/listing.js';
import { MlsxFacts } from '../listing/mlsx-facts.js';
import { sendLines } from '../transfer/send-lines.js';
import { type CommandContext, defineCommand } from './define-command.js';
import { chosenFacts } from './mlst-facts.js';

/** RFC 3659 §7 MLSD: one line of facts per entry, no header, names without a path. A file is 501 (§7.2.1). */
export const mlsd = defineCommand({
  directive: 'MLSD',
  syntax: '{{cmd}} [<directory>]',
  description: 'List a directory for programs',
  rfc: 'RFC 3659 §7',
  flags: { data: true },
  replyCodes: { 'path.not-directory': 501 },
  handler: async (context) => sendLines(context, linesOf(context)),
});

async function* linesOf({ arg, session, signal, verb }: CommandContext): AsyncGenerator<string> {
  const fs = session.fs!;
  const path = fs.resolve(arg);
  const chosen = chosenFacts(session);
  const facts = new MlsxFacts(chosen, new Calendar());
  const receipts = chosen.includes('X.sha256');
  for await (const page of inOrder(await fs.list(path, verb, signal), null)) {
    let text = '';
    for (const entry of page) {
      const child = childOf(path, entry.name);
      const seen = receipts ? fs.withReceipt(child, entry) : entry;
      text += `${facts.of(seen, fs.permissionsAt(child))} ${entry.name}\r\n`;
    }
    yield text;
  }
}
