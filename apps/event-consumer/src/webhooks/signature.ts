import { createHmac } from 'node:crypto';

const SECRET_PREFIX = 'whsec_';

/** The headers of the Standard Webhooks specification, version 1: one signature per secret, the present one first. */
export function signedHeaders(
  message: { readonly id: string; readonly timestampSeconds: number; readonly body: string },
  secrets: readonly string[],
): Record<string, string> {
  const { id, timestampSeconds, body } = message;
  const signed = `${id}.${timestampSeconds}.${body}`;
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': secrets.map((secret) => `v1,${signatureOf(signed, secret)}`).join(' '),
  };
}

function signatureOf(text: string, secret: string): string {
  const key = Buffer.from(secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret, 'base64');
  return createHmac('sha256', key).update(text).digest('base64');
}
