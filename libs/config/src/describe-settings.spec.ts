import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { envExample, settingsTables } from './describe-settings.js';
import { SETTINGS } from './settings.js';

const ROOT = join(import.meta.dirname, '../../..');

describe('the documents made from the settings', () => {
  it('name every setting', () => {
    for (const name of Object.keys(SETTINGS)) {
      expect(envExample()).toMatch(new RegExp(`^#${name}=`, 'm'));
      expect(settingsTables()).toContain(`| \`${name}\``);
    }
  });

  // To bring them up to date: npm run build && npm run openapi
  it('are current: .env.example', () => {
    expect(readFileSync(join(ROOT, '.env.example'), 'utf8')).toBe(envExample());
  });

  it('are current: docs/operations.md', () => {
    expect(readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')).toContain(settingsTables().trim());
  });
});
