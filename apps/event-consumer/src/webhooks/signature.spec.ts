import { describe, expect, it } from '@jest/globals';
import { signedHeaders } from './signature.js';

// The example of the specification's reference libraries.
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestampSeconds: 1614265330, body: '{"test": 2432232314}' };
const signature = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';

describe('signedHeaders', () => {
  it('gives the signature that the reference libraries expect', () => {
    expect(signedHeaders(message, [secret])).toEqual({
      'webhook-id': message.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': signature,
    });
  });

  it('signs with both secrets while one takes over from the other', () => {
    const other = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
    const header = signedHeaders(message, [other, secret])['webhook-signature']!.split(' ');
    expect(header).toHaveLength(2);
    expect(header[1]).toBe(signature);
    expect(header[0]).not.toBe(signature);
  });
});
