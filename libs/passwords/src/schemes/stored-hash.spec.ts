import { describe, expect, it } from '@jest/globals';
import { HashThreads } from '../hash-threads.js';
import { readStoredHash, storedHashFault } from './stored-hash.js';

const BCRYPT = new HashThreads();

const X32 = 'x'.repeat(32);
const X64 = 'x'.repeat(64);

/** Made by others: crypt(3), openssl, Python's hashlib, the reference implementation of argon2. */
const VECTORS: readonly (readonly [scheme: string, password: string, hash: string])[] = [
  ['bcrypt', 'correct horse', '$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2'],
  ['bcrypt', 'correct horse', '$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2'],
  ['bcrypt', 'correct horse', '$2a$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2'],
  ['md5-crypt', 'Tést pass', '$1$abcdefgh$zRxmAa0FCeFYqnMyZUjoI.'],
  ['md5-crypt', X32, '$1$abcdefgh$NLpCLgA.RQyxEsUGx9Cgn0'],
  ['sha256-crypt', 'Tést pass', '$5$abcdefgh$OBYNVAn.sGrTXohoh3tqFif73itL1wNHqCOPVga2Sj1'],
  ['sha256-crypt', X32, '$5$saltstring$xLASXGU7L2tnQezB4rwhJEBqDVqcstZLQvC6JaczsJA'],
  [
    'sha512-crypt',
    'Tést pass',
    '$6$abcdefgh$y/4OPEiufLpiXqa0F8KjBdWssrkybGaKyOck8f49een0U4GxP5tGpsVIRMPPZxeU7p/p01MF4IBkeZlak3KWS/',
  ],
  [
    'sha512-crypt',
    X64,
    '$6$rounds=1400$anotherlongsalts$hluZWqDm0Vk0i/S960Zi4ANqKt2r0mTC5jiKLjmX8ru5fUbAIFNRGelEGYSjFBZMEqrwD7qMXP46OxRpfJumD1',
  ],
  ['pbkdf2-sha256', 'correct horse', 'pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso='],
  [
    'pbkdf2-sha512',
    'correct horse',
    '$pbkdf2-sha512$1000$//77c2FsdA$3LVZeIwvDezHtyIyve42X26vyyHJWM3CmOjwHQ4pWQKHseI28tbkM9twvrikyLy9VOEddlbZewEP540OPKeUIQ',
  ],
  ['pbkdf2-sha1', 'correct horse', '$pbkdf2$1000$c2FsdA$um5PLH8ivEcrRJVasTZXh8.vxX0'],
  ['pbkdf2-sha256', 'correct horse', '{PBKDF2-SHA256}1000$c2FsdA$boRToEKoQr22LeDTyHDsEkHpDsDOTyWJq16HknEiweU'],
  ['salted-sha1', 'correct horse', '{SSHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0'],
  ['sha1', 'correct horse', '{SHA}L55TUjtiq8FBorTWAZ0jy6g129A='],
  [
    'salted-sha512',
    'correct horse',
    '{SSHA512}50rsRNBf8j3I5xE+QwaHdFyMhOzITssZ8BB3UxwQ+SI1JKygYm6ZeRYTDuUyFZIIqDonoTuXwB0Z/MAPhgQCFHNhbHRzYWx0',
  ],
  ['argon2d', 'correct horse', '$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$ipp9/6HiFiGtNApgomQzZAYEqaQbqqUW2LYhb6P6du0'],
  [
    'argon2id',
    'correct horse',
    '$argon2id$v=19$m=1024,t=3,p=2$c29tZXNhbHQ$xGZHp70QUOnwjoqENiMlL6RkZxyNpIKj8PHcLsf3+Gk',
  ],
  ['argon2i', 'correct horse', '$argon2i$v=16$m=256,t=3,p=1$c29tZXNhbHQ$LPFlun6/AC9GXKNWXLIaHivBzqrJPffyUC2zfRbvqBw'],
];

describe('a stored hash', () => {
  it.each(VECTORS)('of %s belongs to its password and to no other', async (scheme, password, hash) => {
    const stored = readStoredHash(hash);
    expect(stored).toMatchObject({ scheme, excess: null });
    expect(storedHashFault(hash)).toBeNull();
    expect(await stored!.verify(password, BCRYPT)).toBe(true);
    for (const wrong of [`${password}x`, password.slice(1), password.toUpperCase(), '']) {
      expect(await stored!.verify(wrong, BCRYPT)).toBe(false);
    }
  });

  it.each([
    '',
    'correct horse',
    '*',
    '!',
    'x',
    '$1$abc$def',
    '$2b$04$short',
    '$2x$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2',
    '$2b$03$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2',
    `$5$saltstring$${'a'.repeat(86)}`,
    '$y$j9T$abc$def',
    '{SSHA}L55TUjtiq8FBorTWAZ0jy6g129A=',
    '{SHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0',
    '{CRYPT}$1$abcdefgh$zRxmAa0FCeFYqnMyZUjoI.',
    '$argon2id$v=19$m=1,t=1,p=8$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
    `{SHA}${'A'.repeat(600)}`,
  ])('of no known form is refused: %j', (text) => {
    expect(readStoredHash(text)).toBeNull();
    expect(storedHashFault(text)).toMatch(/must be a password hash/);
  });

  it.each([
    ['$2b$15$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2', /bcrypt cost/],
    [`$6$rounds=1000001$salt$${'a'.repeat(86)}`, /rounds/],
    ['$argon2id$v=19$m=2097152,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4', /memory/],
    ['$argon2id$v=19$m=65536,t=99,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4', /costs/],
    ['pbkdf2_sha256$90000000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=', /iterations/],
  ])('that would take too long at every login is refused: %s', (text, reason) => {
    expect(readStoredHash(text)!.excess).toMatch(reason);
    expect(storedHashFault(text)).toMatch(reason);
  });

  it('lets others have their turn while its rounds run', async () => {
    const slow = readStoredHash(`$6$rounds=20000$salt$${'a'.repeat(86)}`)!;
    let turns = 0;
    const count = (): void => {
      turns++;
      timer = setImmediate(count);
    };
    let timer = setImmediate(count);
    await slow.verify('correct horse', BCRYPT);
    clearImmediate(timer);
    expect(turns).toBeGreaterThan(10);
  });
});
