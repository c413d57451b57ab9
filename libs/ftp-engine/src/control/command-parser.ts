/** A command line in its two parts. */
export interface ParsedCommand {
  /** Upper case; empty for an empty line. */
  readonly directive: string;
  /** Everything after the one space that follows the directive, unchanged. */
  readonly arg: string;
}

/**
 * What may stand before an ABOR: the remains of Telnet's interrupt and data mark, whose urgent byte some systems deliver
 * out of band (RFC 959 §4.1.3).
 */
const MANGLED_ABOR = /^[^A-Za-z]+ABOR *$/i;

/** RFC 959 §5.3: a verb, one space, an argument. Nothing in the argument is interpreted: file names own every byte. */
export function parseCommand(line: string): ParsedCommand {
  if (!isLetter(line.charCodeAt(0)) && MANGLED_ABOR.test(line)) return { directive: 'ABOR', arg: '' };
  const space = line.indexOf(' ');
  if (space < 0) return { directive: line.toUpperCase(), arg: '' };
  return { directive: line.slice(0, space).toUpperCase(), arg: line.slice(space + 1) };
}

function isLetter(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}
