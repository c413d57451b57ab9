import { StringDecoder } from 'node:string_decoder';
import type { Readable } from 'node:stream';

/** Longest line that is kept whole; a longer one is handed on in pieces, so that memory stays bounded. */
const MAX_LINE = 65_536;

/** Calls `onLine` for each line of a child's output, and for a last one without a line end. */
export function eachLine(stream: Readable, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
    while (rest.length > MAX_LINE) {
      onLine(rest.slice(0, MAX_LINE));
      rest = rest.slice(MAX_LINE);
    }
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
  // A read error on the pipe of a dying child ends its output and nothing else.
  stream.on('error', () => undefined);
}
