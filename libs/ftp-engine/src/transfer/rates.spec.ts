import { expect, it } from '@jest/globals';
import type { Session } from '../session/session.js';
import { Pace } from './rates.js';

const aSession = (uploadRate?: number): Session =>
  ({ grant: { policy: { caps: uploadRate === undefined ? {} : { uploadRate } } } }) as unknown as Session;

it('lets a second’s worth of a capped rate pass at once, and makes the rest wait', () => {
  const pace = new Pace(aSession(1000), 'up', null);
  expect(pace.isFree).toBe(false);
  const nowMs = performance.now();
  expect(pace.take(1000, nowMs)).toBe(0);
  expect(pace.take(100_000, nowMs)).toBeGreaterThan(90_000);
  expect(pace.waitMs(nowMs + 101_000)).toBe(0);
});

it('holds the transfers of one session to one rate, and of one direction only', () => {
  const session = aSession(1000);
  const nowMs = performance.now();
  new Pace(session, 'up', null).take(100_000, nowMs);
  expect(new Pace(session, 'up', null).waitMs(nowMs)).toBeGreaterThan(90_000);
  expect(new Pace(session, 'down', null).isFree).toBe(true);
});

it('waits for nothing without a cap', () => {
  const pace = new Pace(aSession(), 'up', null);
  expect(pace.isFree).toBe(true);
  expect(pace.take(1_000_000_000, performance.now())).toBe(0);
});
