import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { type Destination, destinationOf, type EgressPolicy } from './egress-policy.js';

export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly policy: EgressPolicy;
  /** For all of it: name, connection, TLS, answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface WebhookAnswer {
  readonly status: number;
  /** Start of the body. */
  readonly body: string;
  /** Seconds that the receiver asks us to wait, where it says so. */
  readonly retryAfterSeconds: number | null;
}

/** Most bytes of an answer that are read; a receiver has nothing to tell us. */
const MAX_ANSWER_BYTES = 65_536;
/** How much of it is kept for the delivery log. */
const KEPT_CHARACTERS = 1_000;

/** One POST. Follows no redirect: its 3xx is the answer. Rejects where there is no answer. */
export async function postWebhook(options: WebhookRequest): Promise<WebhookAnswer> {
  const late = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([options.signal, late]);
  try {
    const url = new URL(options.url);
    const destination = await orAborted(destinationOf(url, options.policy), signal);
    return await post(url, destination, options, signal);
  } catch (error) {
    if (late.aborted && !options.signal.aborted) {
      throw new Error(`no answer within ${options.timeoutMs / 1000} seconds`, { cause: error });
    }
    throw error;
  }
}

function post(
  url: URL,
  destination: Destination,
  { headers, body, policy }: WebhookRequest,
  signal: AbortSignal,
): Promise<WebhookAnswer> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const exchange = request(
      url,
      {
        method: 'POST',
        agent: false,
        ...(policy.ca === undefined ? {} : { ca: policy.ca }),
        lookup: always(destination),
        signal,
        maxHeaderSize: 16_384,
        headers: {
          ...headers,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'accept-encoding': 'identity',
          'user-agent': 'Quayside-Webhooks/1',
        },
      },
      (response) => {
        resolve(readAnswer(response).finally(() => exchange.destroy()));
      },
    );
    exchange.on('error', reject);
    exchange.end(body);
  });
}

/** The status has been received, so a body that breaks off or never ends changes nothing. */
async function readAnswer(response: IncomingMessage): Promise<WebhookAnswer> {
  return {
    status: response.statusCode ?? 0,
    body: await readBody(response),
    retryAfterSeconds: retryAfter(response.headers['retry-after']),
  };
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= MAX_ANSWER_BYTES) break;
    }
  } catch {
    // Kept is what has come.
  }
  // PostgreSQL takes no NUL in texts.
  return Buffer.concat(chunks).toString('utf8').replaceAll('\0', '').slice(0, KEPT_CHARACTERS);
}

function always({ address, family }: Destination): LookupFunction {
  return (_host, options, callback) => {
    if (options.all === true) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
}

function retryAfter(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) : null;
}

/** A name server that does not answer is waited for no longer than the rest. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
