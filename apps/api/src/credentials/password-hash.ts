import { storedHashFault } from '@quayside/passwords';
import { z } from 'zod';

/** A password hash of another server, checked by its form; nobody is ever shown it again. */
export const passwordHash = z
  .string()
  .max(512)
  .superRefine((text, context) => {
    const fault = storedHashFault(text);
    if (fault !== null) context.addIssue({ code: 'custom', message: fault });
  })
  .meta({
    format: 'password',
    writeOnly: true,
    description:
      'Instead of `password`: a hash of another server. bcrypt (`$2a$`, `$2b$`, `$2y$`), crypt (`$1$`, `$5$`, `$6$`), `$argon2id$`, `$argon2i$`, `$argon2d$`, PBKDF2 (`pbkdf2_sha256$…` of Django, `$pbkdf2-sha256$…` of passlib, `{PBKDF2-SHA256}…` of OpenLDAP; also SHA-1 and SHA-512), `{SSHA}`, `{SHA}` and their 256 and 512 forms. The first good login turns it into bcrypt.',
    examples: ['{SSHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0'],
  });
