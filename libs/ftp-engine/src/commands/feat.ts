import { lines, reply } from '../control/reply.js';
import type { Session } from '../session/session.js';
import { type CommandDefinition, defineCommand } from './define-command.js';

/** First words in the order that clients see; what is not named comes last. */
const ORDER = 'AUTH PBSZ PROT HOST UTF8 CLNT EPSV EPRT PASV SIZE MDTM MFMT REST TVFS AVBL HASH MLST'.split(' ');

/** RFC 2389 §3 FEAT, from the `feat` flags of a table. */
export function defineFeat(table: () => readonly CommandDefinition[]): CommandDefinition {
  return defineCommand({
    directive: 'FEAT',
    syntax: '{{cmd}}',
    description: 'List the extensions of this server',
    rfc: 'RFC 2389 §3',
    flags: { no_auth: true, arg: 'none' },
    handler: ({ session }) => {
      const features = featuresOf(table(), session);
      return features.length === 0 ? reply(211, 'No features.') : lines(211, 'Features:', features, 'End');
    },
  });
}

function featuresOf(table: readonly CommandDefinition[], session: Session): string[] {
  return table
    .flatMap((command) => {
      const feat = command.flags?.feat;
      if (feat === undefined) return [];
      return typeof feat === 'function' ? feat(session) : feat;
    })
    .toSorted((a, b) => rank(a) - rank(b));
}

function rank(feature: string): number {
  const at = ORDER.indexOf(feature.split(' ', 1)[0]!);
  return at < 0 ? ORDER.length : at;
}
