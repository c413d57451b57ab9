/** A process that is looked after, as metrics show it. */
export interface ProcessState {
  readonly role: string;
  readonly state: string;
  readonly restarts: number;
}

/**
 * Prometheus texts of several processes as one: a family's samples must stand together, under one HELP and TYPE. The
 * processes tell themselves apart by their labels.
 */
export function mergeMetrics(texts: readonly string[]): string {
  const families = new Map<string, { head: string[]; samples: string[] }>();
  for (const text of texts) {
    let family = { head: [] as string[], samples: [] as string[] };
    let isNew = false;
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const help = /^# HELP (\S+)/.exec(line)?.[1];
      if (help !== undefined) {
        isNew = !families.has(help);
        family = families.get(help) ?? { head: [], samples: [] };
        families.set(help, family);
      }
      if (!line.startsWith('#')) family.samples.push(line);
      else if (isNew) family.head.push(line);
    }
  }
  let merged = '';
  for (const { head, samples } of families.values()) merged += `${[...head, ...samples].join('\n')}\n`;
  return merged;
}

/** The children of a process; Supervisor has them. */
export interface Children {
  states(): readonly ProcessState[];
  ask(role: string, what: string, deadlineMs: number): Promise<unknown>;
}

/** Prometheus allows 10 s for everything; a process that does not answer is left out and shown as such. */
const ANSWER_MS = 2_500;

/** The metrics of all children, without those of `asker`, which adds its own. */
export async function metricsOfChildren(children: Children, asker?: string): Promise<string> {
  const states = children.states();
  const asked = states.filter(({ role, state }) => role !== asker && state === 'ready');
  const answers = await Promise.allSettled(asked.map(({ role }) => children.ask(role, 'metrics', ANSWER_MS)));
  const texts = answers.flatMap(({ status, ...answer }) =>
    status === 'fulfilled' && 'value' in answer && typeof answer.value === 'string' ? [answer.value] : [],
  );
  return mergeMetrics([...texts, processMetrics(states)]);
}

/** What the parent knows of its children by itself; it is told also of one that does not answer. */
export function processMetrics(states: readonly ProcessState[]): string {
  const lines = [
    '# HELP quayside_process_up Whether a child process runs and serves',
    '# TYPE quayside_process_up gauge',
    ...states.map(({ role, state }) => `quayside_process_up{process="${role}"} ${state === 'ready' ? 1 : 0}`),
    '# HELP quayside_process_restarts_total Times a child process ended and was started again',
    '# TYPE quayside_process_restarts_total counter',
    ...states.map(({ role, restarts }) => `quayside_process_restarts_total{process="${role}"} ${restarts}`),
  ];
  return `${lines.join('\n')}\n`;
}
