import { LOGIN_FIRST } from '../control/guards.js';
import { type Reply, reply } from '../control/reply.js';
import type { Session } from '../session/session.js';
import { defineCommand } from './define-command.js';
import { HASH_ALGORITHMS } from './hash-algorithms.js';
import { parseFactChoice } from './mlst-facts.js';

const UNSUPPORTED = reply(501, 'Unsupported command; OPTS knows UTF8, MLST and HASH.');
const UTF8_SYNTAX = reply(501, 'Syntax: OPTS UTF8 ON');
const UTF8_ON = reply(200, 'UTF8 is on.');
const UTF8_OFF = reply(200, 'UTF8 is off; names are sent as they are stored.');
const MLST_SPACES = reply(501, 'Invalid number of arguments; syntax: OPTS MLST <fact>;<fact>;');
const MLST_SYNTAX = reply(501, 'Invalid argument; syntax: OPTS MLST <fact>;<fact>;');

/** RFC 2389 §4 OPTS. Windows sends `OPTS UTF8 ON` before USER and needs a 2xx. */
export const opts = defineCommand({
  directive: 'OPTS',
  syntax: '{{cmd}} <command> [<options>]',
  description: 'Set options of UTF8, MLST or HASH',
  rfc: 'RFC 2389 §4',
  flags: { no_auth: true, arg: 'required', feat: 'UTF8' },
  handler: ({ session, arg }): Reply => {
    const space = arg.indexOf(' ');
    const name = (space < 0 ? arg : arg.slice(0, space)).toUpperCase();
    const value = space < 0 ? '' : arg.slice(space + 1);
    if (name === 'UTF8' || name === 'UTF-8') return setUtf8(session, value.toUpperCase());
    if (name === 'MLST') return chooseFacts(session, value);
    if (name === 'HASH') return chooseHash(session, value.toUpperCase());
    return session.grant === null ? LOGIN_FIRST : UNSUPPORTED;
  },
});

function setUtf8(session: Session, value: string): Reply {
  if (value !== '' && value !== 'ON' && value !== 'OFF' && value !== 'NLST') return UTF8_SYNTAX;
  session.utf8 = value !== 'OFF';
  return session.utf8 ? UTF8_ON : UTF8_OFF;
}

function chooseFacts(session: Session, value: string): Reply {
  if (value.includes(' ')) return MLST_SPACES;
  if (value !== '' && !value.includes(';')) return MLST_SYNTAX;
  const facts = parseFactChoice(value);
  session.mlstFacts = facts;
  return reply(200, `MLST OPTS ${facts.map((fact) => `${fact};`).join('')}`);
}

function chooseHash(session: Session, value: string): Reply {
  if (value === '') return reply(200, session.hashAlgorithm);
  const algorithm = HASH_ALGORITHMS.find((name) => name === value);
  if (algorithm === undefined) return reply(501, `Unknown algorithm; choose one of ${HASH_ALGORITHMS.join(', ')}.`);
  session.hashAlgorithm = algorithm;
  return reply(200, algorithm);
}
