import { randomBytes } from 'node:crypto';

/** The specification asks for 24 to 64 bytes. */
const SECRET_BYTES = 32;

/** A signing secret as the Standard Webhooks specification writes it: base64 behind `whsec_`. */
export function generateWebhookSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}
