import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { processMetrics } from './merge-metrics.js';
import { createMetrics } from './metrics.js';

const DOCKER = join(import.meta.dirname, '../../../docker');

/** The families that are there, as queries name them. */
async function known(): Promise<Set<string>> {
  const metrics = createMetrics({ app: 'test' });
  const families = await metrics.registry.getMetricsAsJSON();
  const parents = [...processMetrics([]).matchAll(/^# HELP (\S+)/gm)].map(([, name]) => name!);
  return new Set([...families.map(({ name }) => name), ...parents]);
}

describe('dashboard and alert rules', () => {
  it.each(['grafana/quayside.json', 'prometheus/alerts.yml'])(
    '%s asks only for metrics that there are',
    async (file) => {
      const names = await known();
      const used = readFileSync(join(DOCKER, file), 'utf8').match(/\b(?:quayside|nodejs)_[a-z0-9_]+/g) ?? [];
      expect(used.length).toBeGreaterThan(10);
      const unknown = used.filter((name) => !names.has(name) && !names.has(name.replace(/_(?:bucket|count|sum)$/, '')));
      expect(unknown).toEqual([]);
    },
  );
});
