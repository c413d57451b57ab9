import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { SETTINGS } from '@quayside/config';

const DOCKER = join(import.meta.dirname, '../docker');

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>> | readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const read = (name: string): Compose => parse(readFileSync(join(DOCKER, name), 'utf8'), { merge: true }) as Compose;

/** `30000-30099` or `21` as first and last. */
function range(text: string): [number, number] {
  const [first = NaN, last = first] = text.split('-').map(Number);
  return [first, last];
}

describe.each(['compose.yaml', 'compose.redis.yaml'])('docker/%s', (name) => {
  const { services, volumes } = read(name);
  const ours = Object.entries(services).filter(([, { image }]) => image === 'quayside');

  it('runs commands that the image has', () => {
    const script = readFileSync(join(DOCKER, 'quayside'), 'utf8');
    for (const [, { command = [] }] of ours)
      expect(script).toMatch(new RegExp(`(^|[ |])${command[0]}\\)?( \\||\\)|$)`, 'm'));
    expect(ours.map(([, { command }]) => command?.[0])).toEqual(
      expect.arrayContaining(['api', 'event-consumer', 'ftp-worker', 'migrate']),
    );
  });

  it('uses settings that exist', () => {
    const names = ours.flatMap(([, { environment = {} }]) => Object.keys(environment));
    expect(names.filter((setting) => !(setting in SETTINGS))).toEqual([]);
  });

  it('names services and volumes that exist', () => {
    for (const { depends_on: needs = {}, volumes: mounts = [] } of Object.values(services)) {
      for (const service of Array.isArray(needs) ? needs : Object.keys(needs))
        expect(services).toHaveProperty([service]);
      for (const mount of mounts) {
        const source = mount.split(':')[0] ?? '';
        expect(source.startsWith('.') ? existsSync(join(DOCKER, source)) : source in volumes).toBe(true);
      }
    }
  });

  it('publishes each passive port under its own number, once, to the worker that announces it', () => {
    const workers = ours.filter(([, { command }]) => command?.[0] === 'ftp-worker');
    const ranges = workers
      .map(([, { environment }]) => range(String(environment?.['FTP_PASSIVE_PORTS'])))
      .toSorted(([a], [b]) => a - b);
    const published = Object.values(services)
      .flatMap(({ ports = [] }) => ports)
      .filter((port) => port.includes('30000'));
    expect(published).toEqual(['30000-30099:30000-30099']);
    expect(ranges[0]?.[0]).toBe(30000);
    expect(ranges.at(-1)?.[1]).toBe(30099);
    for (let index = 1; index < ranges.length; index += 1)
      expect(ranges[index]?.[0]).toBe((ranges[index - 1]?.[1] ?? 0) + 1);
  });
});

describe('docker/haproxy.cfg', () => {
  it('sends each passive port to the worker that has it', () => {
    const config = readFileSync(join(DOCKER, 'haproxy.cfg'), 'utf8');
    const { services } = read('compose.redis.yaml');
    for (const letter of ['a', 'b']) {
      const announced = String(services[`ftp-worker-${letter}`]?.environment?.['FTP_PASSIVE_PORTS']);
      expect(config).toContain(
        `frontend passive-${letter}\n    bind :${announced}\n    default_backend data-${letter}`,
      );
      expect(config).toContain(`backend data-${letter}\n    server ${letter} ftp-worker-${letter}\n`);
    }
  });
});

describe('docker/quayside', () => {
  const script = join(DOCKER, 'quayside');

  it('is a shell script without a syntax error', () => {
    execFileSync('/bin/sh', ['-n', script]);
    expect(readFileSync(script, 'utf8')).toContain('exec node');
  });

  it('runs what the build makes', () => {
    const text = readFileSync(script, 'utf8');
    const nest = JSON.parse(readFileSync(join(DOCKER, '../nest-cli.json'), 'utf8')) as {
      projects: Record<string, unknown>;
    };
    for (const app of ['api', 'ftp-worker', 'event-consumer', 'standalone'])
      expect(nest.projects).toHaveProperty([app]);
    expect(text).toContain('dist/apps/$1/apps/$1/src/main.js');
    expect(existsSync(join(DOCKER, '../apps/standalone/src/migrate.ts'))).toBe(true);
  });
});

describe('docker/Dockerfile', () => {
  it('does not run as root and copies only what exists', () => {
    const text = readFileSync(join(DOCKER, 'Dockerfile'), 'utf8');
    expect(text).toMatch(/^USER node$/m);
    expect(text.indexOf('USER node')).toBeGreaterThan(text.lastIndexOf('FROM '));
    for (const [, source = ''] of text.matchAll(/^RUN node (\S+\.mjs)/gm)) {
      expect(existsSync(join(DOCKER, '..', source))).toBe(true);
    }
  });
});
