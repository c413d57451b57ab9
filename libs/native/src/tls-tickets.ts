import type { SecureContext } from 'node:tls';
import { inspect } from 'node:util';
import { cLibrary } from './c-library.js';

type SetTickets = (context: bigint, count: number) => number;
type GetTickets = (context: bigint) => number;

let calls: readonly [SetTickets, GetTickets] | null | undefined;

function ticketCalls(): readonly [SetTickets, GetTickets] | null {
  if (calls !== undefined) return calls;
  calls = null;
  try {
    const library = cLibrary();
    if (library !== null) {
      calls = [
        library.bind('int SSL_CTX_set_num_tickets(void *context, size_t count)') as SetTickets,
        library.bind('size_t SSL_CTX_get_num_tickets(void *context)') as GetTickets,
      ];
    }
  } catch {
    // A Node that links OpenSSL as a shared library under another symbol version, or another TLS library.
  }
  return calls;
}

/**
 * How many session tickets a context sends after a full TLS 1.3 handshake, instead of OpenSSL's two; it accepts them all
 * the same. False where it is not possible; then nothing was changed.
 */
export function limitTickets(context: SecureContext, count: number): boolean {
  const available = ticketCalls();
  if (available === null) return false;
  const external = (context.context as { readonly _external?: unknown } | undefined)?._external;
  const address = /^\[External: (?:0x)?([0-9a-f]{4,16})\]$/.exec(inspect(external))?.[1];
  if (address === undefined) return false;
  const [set, get] = available;
  const pointer = BigInt(`0x${address}`);
  return set(pointer, count) === 1 && get(pointer) === count;
}
