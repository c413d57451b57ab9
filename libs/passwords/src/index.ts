export { PasswordHasher, type PasswordHasherOptions } from './password-hasher.js';
export { VerifiedPasswords, type VerifiedPasswordsOptions } from './verified-passwords.js';
