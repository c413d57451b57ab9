import { describe, expect, it } from '@jest/globals';
import { compileAddressRules } from '@quayside/domain';
import { FloodGuard } from './flood-guard.js';

describe('FloodGuard', () => {
  it('refuses a source that goes on at a rate that no person has, and greets it again when it stops', () => {
    let now = 0;
    const guard = new FloodGuard(null, () => now);
    for (let attempt = 0; attempt < 200; attempt++, now += 10) guard.refused('192.0.2.1');
    expect(guard.refuses('192.0.2.1')).toBe(true);
    expect(guard.refuses('192.0.2.2')).toBe(false);
    now += 60_000;
    expect(guard.refuses('192.0.2.1')).toBe(false);
  });

  it('refuses it for as long as it tries', () => {
    let now = 0;
    const guard = new FloodGuard(null, () => now);
    for (let attempt = 0; attempt < 200; attempt++, now += 10) guard.refused('192.0.2.1');
    for (let attempt = 0; attempt < 3_000; attempt++, now += 20) expect(guard.refuses('192.0.2.1')).toBe(true);
  });

  it('leaves a client alone that fails again and again without haste', () => {
    let now = 0;
    const guard = new FloodGuard(null, () => now);
    for (let attempt = 0; attempt < 1_000; attempt++, now += 500) {
      guard.refused('192.0.2.1');
      expect(guard.refuses('192.0.2.1')).toBe(false);
    }
  });

  it('takes an IPv6 /64 for one source, and never refuses the allow list', () => {
    const guard = new FloodGuard(compileAddressRules({ allow: ['198.51.100.0/24'] }), () => 0);
    for (let attempt = 0; attempt < 200; attempt++) {
      guard.refused(`2001:db8::${attempt}`);
      guard.refused('198.51.100.9');
    }
    expect(guard.refuses('2001:db8::ffff:1')).toBe(true);
    expect(guard.refuses('198.51.100.9')).toBe(false);
  });
});
