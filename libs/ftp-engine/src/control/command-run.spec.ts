import { describe, expect, it } from '@jest/globals';
import { Session } from '../session/session.js';
import { CommandRun } from './command-run.js';

const aSession = (): Session => new Session('s', {} as never, {} as never, 0);
const aRun = (session: Session): CommandRun => new CommandRun({} as never, session, '', '', () => undefined);

describe('the signal of a command', () => {
  it('goes to the next command of the session where nobody stopped it', () => {
    const session = aSession();
    const first = aRun(session);
    const { signal } = first;
    first.ended();
    const second = aRun(session);
    expect(second.signal).toBe(signal);
    expect(aRun(session).signal).not.toBe(signal);
    expect(aRun(aSession()).signal).not.toBe(signal);
  });

  it('goes to nobody where the command was stopped, before or after it was asked for', () => {
    const session = aSession();
    const stopped = aRun(session);
    const { signal } = stopped;
    stopped.abort('abor');
    stopped.ended();
    expect([signal.aborted, aRun(session).signal.aborted]).toEqual([true, false]);
    const early = aRun(session);
    early.abort('abor');
    expect(early.signal.aborted).toBe(true);
    early.ended();
    expect(aRun(session).signal.aborted).toBe(false);
  });

  it('goes to nobody while something still listens to it', () => {
    const session = aSession();
    const run = aRun(session);
    const { signal } = run;
    signal.addEventListener('abort', () => undefined);
    run.ended();
    expect(aRun(session).signal).not.toBe(signal);
  });

  it('is a new one after some commands, because Node keeps notes with it', () => {
    const session = aSession();
    const signals = new Set<AbortSignal>();
    for (let n = 0; n < 200; n++) {
      const run = aRun(session);
      signals.add(run.signal);
      run.ended();
    }
    expect(signals.size).toBe(4);
  });
});
