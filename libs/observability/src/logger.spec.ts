import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { createLog, type AppLog, type LogOptions } from './logger.js';
import { NestLogger } from './nest-logger.js';

function logInto(options: Partial<LogOptions> = {}): { log: AppLog; text: () => string; records: () => unknown[] } {
  const chunks: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done): void {
      chunks.push(chunk.toString());
      done();
    },
  });
  const text = (): string => chunks.join('');
  return {
    log: createLog({ app: 'api', level: 'info', format: 'json', destination, ...options }),
    text,
    records: () =>
      text()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as unknown),
  };
}

describe('createLog', () => {
  it('writes one JSON record per message with app, level word and RFC 3339 time', () => {
    const { log, records } = logInto({ fields: { worker: 1 } });
    log.info('ready', { port: 3000 });
    expect(records()).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        app: 'api',
        pid: process.pid,
        worker: 1,
        port: 3000,
        msg: 'ready',
      },
    ]);
  });

  it('leaves out what is below its level', () => {
    const { log, text } = logInto({ level: 'warn' });
    log.info('quiet');
    log.child({ a: 1 }).debug('quiet');
    expect(text()).toBe('');
  });

  it.each([
    [{ password: 'hunter2!' }],
    [{ account: { password: 'hunter2!' } }],
    [{ request: { body: { credential: { passwordHash: 'hunter2!' } } } }],
    [{ headers: { authorization: 'Bearer hunter2!hunter2!' } }],
    [{ apiKey: 'hunter2!' }],
    [{ token: 'hunter2!', secret: 'hunter2!', privateKey: 'hunter2!' }],
    [{ detail: 'connect postgresql://quayside:hunter2!@db:5432/quayside failed' }],
    [{ line: 'PASS hunter2!' }],
    [{ error: new Error('redis://:hunter2!@cache:6379 is away') }],
  ])('never writes the secret in %j', (fields) => {
    const { log, text, records } = logInto();
    log.error('something happened', fields);
    expect(text()).not.toContain('hunter2');
    expect(text()).toContain('[redacted]');
    expect(records()).toHaveLength(1);
  });

  it('scrubs a secret out of the message itself', () => {
    const { log, text } = logInto();
    log.warn('got Authorization: Bearer abcdefgh.ijkl-mnop from a client');
    expect(text()).not.toContain('ijkl');
  });

  it('keeps the stack and the code of an error', () => {
    const { log, records } = logInto();
    log.error('failed', { error: Object.assign(new Error('no'), { code: 'EACCES' }) });
    expect(records()[0]).toMatchObject({ error: { message: 'no', code: 'EACCES', stack: expect.any(String) } });
  });

  it('is readable text when asked', () => {
    const { log, text } = logInto({ format: 'pretty' });
    log.info('listening', { port: 2121, password: 'hunter2' });
    expect(text()).toMatch(/INFO.*api: listening/);
    expect(text()).toContain('2121');
    expect(text()).not.toContain('hunter2');
  });
});

describe('NestLogger', () => {
  it('puts Nest errors into the same log with context and stack', () => {
    const { log, records } = logInto();
    const nest = new NestLogger(log);
    nest.log('Mapped {/v1} route', 'RouterExplorer');
    nest.error('boom', 'Error: boom\n at x', 'ExceptionsHandler');
    expect(records()).toEqual([
      expect.objectContaining({
        level: 'error',
        msg: 'boom',
        context: 'ExceptionsHandler',
        stack: 'Error: boom\n at x',
      }),
    ]);
  });
});
