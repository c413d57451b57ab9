/**
 * What the control channel does once the reply is on its way: `close` ends the connection (QUIT, 421), `secure` starts
 * TLS (AUTH), `reset` goes back to the state after the greeting (REIN).
 */
export type AfterReply = 'close' | 'secure' | 'reset';

/** One reply as a value; handlers return it and the control channel alone writes it. */
export interface Reply {
  readonly code: number;
  /** The whole reply as it goes over the wire, with its CRLFs. */
  readonly wire: string;
  readonly after: AfterReply | null;
}

/** A reply of one line: `250 Done`. CR and LF in the text become spaces, so that no text can forge a second reply. */
export function reply(code: number, text: string, after: AfterReply | null = null): Reply {
  return { code, wire: `${code} ${oneLine(text)}\r\n`, after };
}

/**
 * A reply of several lines (RFC 959 §4.2): `211-first`, each body line after a space, `211 last`. The space keeps a body
 * line that starts with digits from being read as the end.
 */
export function lines(code: number, first: string, body: readonly string[], last: string): Reply {
  let wire = `${code}-${oneLine(first)}\r\n`;
  for (const line of body) wire += ` ${oneLine(line)}\r\n`;
  return { code, wire: `${wire}${code} ${oneLine(last)}\r\n`, after: null };
}

function oneLine(text: string): string {
  return text.includes('\n') || text.includes('\r') ? text.replaceAll(/[\r\n]/g, ' ') : text;
}
