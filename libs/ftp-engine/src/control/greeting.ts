import { lines, type Reply, reply } from './reply.js';

/** The 220 of a connection or of HOST; the text may have several lines. */
export function greeting(text: string): Reply {
  const parts = text.split('\n');
  const last = parts.pop()!;
  return parts.length === 0 ? reply(220, last) : lines(220, parts[0]!, parts.slice(1), last);
}
