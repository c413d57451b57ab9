import { Injectable } from '@nestjs/common';
import {
  accessSubjectOf,
  AccountRepository,
  type LoginCredential,
  type LoginRecord,
  LoginRepository,
} from '@quayside/database';
import {
  type AccessRequest,
  type AccessSubject,
  decide,
  DomainError,
  mergePolicies,
  parsePath,
  toReply,
  type VirtualPath,
} from '@quayside/domain';
import type { Actor } from '../auth/actor.js';
import { type ExplainInput, type Explanation, presentDecision } from './explain.schema.js';
import { StandingLimits } from './standing-limits.js';

/** What would happen, and why, by the same functions that decide for the FTP workers. Changes nothing. */
@Injectable()
export class ExplainService {
  constructor(
    private readonly accounts: AccountRepository,
    private readonly logins: LoginRepository,
    private readonly limits: StandingLimits,
  ) {}

  async explain(actor: Actor, tenantId: string, account: string, input: ExplainInput): Promise<Explanation> {
    const found = await this.accounts.find(tenantId, account);
    const [record] = found === null ? [] : await this.logins.reload([found.id]);
    if (record === undefined) throw new DomainError('account.not-found');
    const subject: AccessSubject = {
      ...accessSubjectOf(record, credentialOf(record, input.credential)),
      policy: mergePolicies(record.policies),
    };
    const visit = {
      address: input.address ?? actor.address,
      tls: input.tls ?? input.protocol !== 'ftp',
      atMs: (input.at ?? new Date()).getTime(),
    };
    const banned = await this.limits.refusesAddress(record, visit.address, visit.atMs);
    if (banned !== null) return banned;
    const login = decide(subject, { operation: 'login', ...visit });
    if (!login.allowed) return presentDecision(login);
    if (input.operation === 'login') {
      return (await this.limits.refusesLogin(record, subject.policy, visit.address)) ?? presentDecision(login);
    }
    const paths = pathsOf(input);
    if (paths instanceof DomainError) return { allowed: false, code: paths.code, rule: null, reply: toReply(paths) };
    const { operation, replaces, directory } = input;
    const decision = decide(subject, { operation, replaces, directory, ...paths, ...visit });
    const full = decision.allowed
      ? await this.limits.refusesTransfer(record, subject.policy, operation, paths.path ?? '/')
      : null;
    return full ?? presentDecision(decision);
  }
}

/** A path that no file can have is an answer, not a fault of the request. */
function pathsOf(input: ExplainInput): Pick<AccessRequest, 'path' | 'newPath'> | DomainError {
  try {
    const path: VirtualPath = parsePath(input.path ?? '/');
    return input.newPath === undefined ? { path } : { path, newPath: parsePath(input.newPath) };
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

function credentialOf(record: LoginRecord, name: string | undefined): LoginCredential | null {
  if (name === undefined) return null;
  const folded = name.toLowerCase();
  const found = record.credentials.find(({ id, label }) => id === folded || label?.toLowerCase() === folded);
  if (found === undefined) throw new DomainError('credential.not-found');
  return found;
}
