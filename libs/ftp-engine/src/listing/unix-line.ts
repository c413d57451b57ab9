import type { Entry } from '@quayside/storage';
import type { Calendar } from './calendar.js';

const TRIPLETS = ['---', '--x', '-w-', '-wx', 'r--', 'r-x', 'rw-', 'rwx'];
const modes = new Map<number, string>();

/** One line of LIST as `ls -l` prints it (what every client parses), with its CRLF. Names cannot hold CR or LF. */
export function unixLine(entry: Entry, owner: string, nowMs: number, calendar: Calendar): string {
  const size = String(entry.size).padStart(12);
  const type = entry.kind === 'directory' ? 'd' : '-';
  const links = String(entry.links).padStart(3);
  const date = calendar.listDate(entry.modifiedMs, nowMs);
  return `${type}${modeText(entry.mode)} ${links} ${owner} ${size} ${date} ${entry.name}\r\n`;
}

function modeText(mode: number): string {
  const bits = mode & 0o777;
  let text = modes.get(bits);
  if (text === undefined) {
    text = `${TRIPLETS[bits >> 6]}${TRIPLETS[(bits >> 3) & 7]}${TRIPLETS[bits & 7]}`;
    modes.set(bits, text);
  }
  return text;
}
