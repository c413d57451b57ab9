import { compileSegment } from './glob.js';
import type { NameRules } from './policy-rules.js';

/** Most patterns in one list of names. */
export const MAX_NAME_PATTERNS = 200;

/**
 * A file name as rules compare it: composed (NFC) and in lower case, so that neither `SHELL.PHP` nor a decomposed
 * spelling passes a rule that `shell.php` does not pass.
 */
export function foldName(name: string): string {
  return name.normalize('NFC').toLowerCase().normalize('NFC');
}

/** The compiled name rules of one policy. Answers are the rule that decides, as text, or null. Names come folded. */
export interface CompiledNames {
  /** Why a file or folder may not get this name. `allow` lists speak about files only, `deny` about both. */
  refusal(foldedName: string, kind: 'file' | 'directory'): string | null;
  hiding(foldedName: string): string | null;
}

/** Compile one policy's name rules. An empty list says nothing. */
export function compileNameRules(rules: NameRules): CompiledNames {
  const deny = matcherOf(rules.deny);
  const hide = matcherOf(rules.hide);
  const allow = matcherOf(rules.allow);
  const allowText = `allow only names ${(rules.allow ?? []).join(', ')}`;
  return {
    refusal(name, kind) {
      const denied = deny(name);
      if (denied !== null) return `deny name ${denied}`;
      const listed = kind === 'directory' || (rules.allow ?? []).length === 0 || allow(name) !== null;
      return listed ? null : allowText;
    },
    hiding(name) {
      const hidden = hide(name);
      return hidden === null ? null : `hide name ${hidden}`;
    },
  };
}

function matcherOf(patterns: readonly string[] = []): (name: string) => string | null {
  const globs = patterns.map((text) => ({ text, glob: compileSegment(foldName(text)) }));
  return (name) => globs.find(({ glob }) => glob.matches(name))?.text ?? null;
}
