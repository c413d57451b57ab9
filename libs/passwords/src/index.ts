export { PasswordHasher, type PasswordHasherOptions } from './password-hasher.js';
export { VerifiedPasswords, type VerifiedPasswordsOptions } from './verified-passwords.js';
export { readStoredHash, type StoredHash, storedHashFault } from './schemes/stored-hash.js';
