import type { Session } from '../session/session.js';

/**
 * Facts of MLST and MLSD in the order of FEAT (RFC 3659 §7.8), and whether each is on by default. `X.incomplete` is on
 * and not in FEAT: it marks single entries, and FEAT lists what every entry may have.
 */
export const MLST_FACTS: readonly { readonly name: string; readonly byDefault: boolean; readonly unlisted?: true }[] = [
  { name: 'type', byDefault: true },
  { name: 'size', byDefault: true },
  { name: 'modify', byDefault: true },
  { name: 'perm', byDefault: true },
  { name: 'unique', byDefault: true },
  { name: 'X.sha256', byDefault: false },
];

const DEFAULT = MLST_FACTS.filter((fact) => fact.byDefault).map((fact) => fact.name);

/** Names of the facts that this session's MLST and MLSD give. */
export function chosenFacts(session: Session): readonly string[] {
  return session.mlstFacts ?? DEFAULT;
}

/** The FEAT line: facts that are on carry an asterisk. */
export function mlstFeature(session: Session): string[] {
  const chosen = chosenFacts(session);
  const facts = MLST_FACTS.filter((fact) => fact.unlisted !== true).map(
    ({ name }) => `${name}${chosen.includes(name) ? '*' : ''};`,
  );
  return [`MLST ${facts.join('')}`];
}

/** RFC 3659 §7.9: known facts of a request like `Type;Size;`, unknown ones dropped. */
export function parseFactChoice(request: string): string[] {
  const wanted = new Set(request.toLowerCase().split(';'));
  return MLST_FACTS.filter(({ name }) => wanted.has(name.toLowerCase())).map(({ name }) => name);
}
