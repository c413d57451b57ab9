import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { decide } from './decide.js';
import { mergePolicies, type PolicyLevel } from './merge-policies.js';
import { PERMISSIONS } from './permission.js';
import { policyFaults } from './policy-faults.js';
import { cases, pattern, rules } from '../testing/policy-cases.js';
import { oracle } from '../testing/policy-oracle.js';

describe('policy decisions', () => {
  it('agree with an independent oracle on 20,000 random pairs of policies and request', () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(cases, (each) => {
        for (const level of each.levels) expect(policyFaults(level.rules)).toEqual([]);
        const decision = decide({ ...each.subject, policy: mergePolicies(each.levels) }, each.request);
        const expected = oracle(each);
        seen.set(expected.code ?? 'allowed', (seen.get(expected.code ?? 'allowed') ?? 0) + 1);
        const source = decision.allowed ? null : (decision.rule?.source ?? 'nobody');
        expect({ allowed: decision.allowed, code: decision.code, source }).toEqual(expected);
      }),
      { numRuns: 20_000 },
    );
    // A generator that only ever met one answer would prove nothing.
    for (const code of [
      'allowed',
      'access.denied',
      'path.name-refused',
      'path.not-found',
      'access.address-refused',
      'access.time-refused',
      'access.protocol-refused',
      'auth.tls-required',
      'access.expired',
      'account.suspended',
    ]) {
      expect({ code, enough: (seen.get(code) ?? 0) > 100 }).toEqual({ code, enough: true });
    }
  });

  it('never widen when a level or a deny is added', () => {
    fc.assert(
      fc.property(cases, rules, pattern, fc.constantFrom(...PERMISSIONS), (each, extra, denied, permission) => {
        const answer = (all: readonly PolicyLevel[]) =>
          decide({ ...each.subject, policy: mergePolicies(all) }, each.request).allowed;
        const narrower: PolicyLevel = { source: 'account', policyId: 'extra', rules: extra };
        expect(answer(each.levels) || !answer([...each.levels, narrower])).toBe(true);
        const deny: PolicyLevel = {
          source: 'account',
          policyId: 'deny',
          rules: { paths: [{ path: denied, deny: [permission] }] },
        };
        expect(answer(each.levels) || !answer([...each.levels, deny])).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });
});
