// Jest globalTeardown of the db project: closes the guardian's input and waits until server and files are gone.
import { once } from 'node:events';

// oxlint-disable-next-line import/no-default-export -- Jest takes nothing else
export default async function tearDown() {
  const child = globalThis.quaysideTestPostgres;
  if (child === undefined || child.exitCode !== null) return;
  child.stdin.end();
  await once(child, 'exit');
}
