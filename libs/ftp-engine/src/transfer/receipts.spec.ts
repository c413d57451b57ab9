import { expect, it } from '@jest/globals';
import { Receipts } from './receipts.js';

const file = { unique: '1g2', size: 5, modifiedMs: 1000.25 };

it('knows content while object, size and time are those of its commit', () => {
  const receipts = new Receipts();
  receipts.add('space', file, 'abc');
  expect(receipts.find('space', { ...file })).toBe('abc');
  expect(receipts.find('other space', file)).toBeNull();
  expect(receipts.find('space', { ...file, unique: '1g3' })).toBeNull();
  expect(receipts.find('space', { ...file, size: 6 })).toBeNull();
  expect(receipts.find('space', { ...file, modifiedMs: 1000.5 })).toBeNull();
});

it('forgets the oldest past its limit', () => {
  const receipts = new Receipts();
  for (let number = 0; number <= 16_384; number++) receipts.add('space', { ...file, unique: String(number) }, 'abc');
  expect(receipts.find('space', { ...file, unique: '0' })).toBeNull();
  expect(receipts.find('space', { ...file, unique: '1' })).toBe('abc');
});
