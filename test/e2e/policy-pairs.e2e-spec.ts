import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  ALL_PERMISSIONS,
  parsePath,
  ROOT,
  type Permission,
  PERMISSIONS,
  permissionsOf,
  type PolicyRules,
} from '@quayside/domain';
import * as fc from 'fast-check';
import {
  mounts as someMounts,
  path as somePath,
  rules as someRules,
} from '../../libs/domain/src/testing/policy-cases.js';
import { type Case, oracle, type Outcome } from '../../libs/domain/src/testing/policy-oracle.js';
import { removeDataDirs, startInstallation, type RunningInstallation } from './installation.js';
import { RawControl } from './raw-control.js';

/*
 * Random policies of all three levels, and for each of them random requests, asked three times: of explain, of a live
 * session, and of the oracle. QUAYSIDE_PAIRS and QUAYSIDE_SEED choose how many and which.
 */
const PAIRS = Number(process.env['QUAYSIDE_PAIRS'] ?? 300);
const SEED = Number(process.env['QUAYSIDE_SEED'] ?? Date.now() % 2 ** 31);
const REQUESTS_PER_POLICY = 50;
const ACCOUNTS_AT_ONCE = 4;
/** Disagreements after which going on would tell nothing new. */
const ENOUGH = 20;

jest.setTimeout(120_000 + PAIRS * 300);

const PASSWORD = 'correct-horse-battery';
/** FTP reply codes of what succeeds and of each refusal, as RFC 959 has them; written apart from the product's tables. */
const DONE: Record<Permission, number> = {
  list: 226,
  download: 226,
  upload: 226,
  overwrite: 226,
  append: 226,
  rename: 250,
  delete: 250,
  mkdir: 257,
  rmdir: 250,
  chmod: 200,
  touch: 213,
};
const REFUSED: Record<string, number> = { 'access.denied': 550, 'path.not-found': 550, 'path.name-refused': 553 };
const NEEDS_ROOM: readonly Permission[] = ['upload', 'mkdir'];
const NEEDS_FOLDER: readonly Permission[] = ['list', 'rmdir'];

interface Request {
  readonly operation: Permission;
  readonly path: string;
  readonly newPath: string;
  readonly replaces: boolean;
}

interface Plan {
  readonly tenant: PolicyRules;
  readonly account: PolicyRules;
  readonly mounts: Case['subject']['mounts'];
  readonly tenantStatus: 'active' | 'read_only' | 'download_only';
  readonly accountStatus: 'active' | 'read_only' | 'download_only';
  readonly tls: boolean;
  readonly requests: readonly Request[];
}

// The hours and addresses of a login have tables of their own: here a login must succeed for files to be asked about.
const fileRules: fc.Arbitrary<PolicyRules> = fc
  .tuple(someRules, fc.constantFrom(0, 1, 2, 4), fc.constantFrom<'staged' | 'direct'>('staged', 'direct'))
  .map(([{ paths, names }, most, mode]) => {
    const given = Object.fromEntries(Object.entries(names ?? {}).filter(([, list]) => list !== undefined));
    const rules = (paths ?? []).slice(0, most).map(({ path, allow, deny }) => ({
      path,
      ...(allow && { allow }),
      ...(deny && { deny }),
    }));
    return { paths: rules, names: given, uploads: { mode } };
  });
const grade = fc.oneof(
  { weight: 12, arbitrary: fc.constant('active' as const) },
  { weight: 1, arbitrary: fc.constantFrom('read_only' as const, 'download_only' as const) },
);
const request: fc.Arbitrary<Request> = fc.record({
  operation: fc.constantFrom(...PERMISSIONS),
  path: somePath,
  newPath: somePath,
  replaces: fc.boolean(),
});
const rareRules = fc.oneof({ weight: 1, arbitrary: fileRules }, { weight: 2, arbitrary: fc.constant<PolicyRules>({}) });
const plan = (requests: number): fc.Arbitrary<Plan> =>
  fc.record({
    tenant: rareRules,
    account: fileRules,
    mounts: fc.oneof(
      {
        weight: 2,
        arbitrary: fc.constant<Plan['mounts']>([{ mountId: '/', path: ROOT, permissions: ALL_PERMISSIONS }]),
      },
      { weight: 1, arbitrary: someMounts },
    ),
    tenantStatus: grade,
    accountStatus: grade,
    tls: fc.boolean(),
    requests: fc.array(request, { minLength: requests, maxLength: requests }),
  });

let server: RunningInstallation;
let platformPolicy: string;
const tally = new Map<string, number>();
const disagreements: string[] = [];
let pairs = 0;
let tenants = 0;

beforeAll(async () => {
  server = await startInstallation();
  const made = await server.api.ok<{ id: string }>('POST', '/policies', {
    name: 'house',
    isPlatformDefault: true,
    rules: {},
  });
  platformPolicy = made.id;
});
afterAll(async () => {
  await server?.stop();
  removeDataDirs();
});

const isWithin = (inner: string, outer: string): boolean =>
  outer === '/' || inner === outer || inner.startsWith(`${outer}/`);

/** A request that the tree can be made ready for: a file or folder, or a free name, inside some mount. */
function isAskable({ operation, ...asked }: Request, mounts: Plan['mounts']): boolean {
  // Two spellings of a name are one file.
  const [path, newPath] = [asked.path.normalize('NFC'), asked.newPath.normalize('NFC')];
  const leadsToMount = (each: string): boolean => mounts.some((mount) => isWithin(mount.path, each));
  const isInMount = (each: string): boolean => mounts.some((mount) => isWithin(each, mount.path));
  if (operation === 'list') return isInMount(path) || leadsToMount(path);
  if (leadsToMount(path)) return operation === 'delete' || operation === 'rmdir';
  if (operation !== 'rename') return true;
  if (isWithin(path, newPath) || isWithin(newPath, path)) return false;
  return !leadsToMount(newPath);
}

class Customer {
  private readonly folders = new Map<string, string>();
  private control!: RawControl;
  private readonly tenant = `t${++tenants}`;

  constructor(
    private readonly platform: PolicyRules,
    private readonly plan: Plan,
  ) {}

  async prepare(): Promise<void> {
    const { api } = server;
    const { tenant, plan } = this;
    const { id: tenantId } = await api.ok<{ id: string }>('POST', '/tenants', { slug: tenant, name: tenant });
    const policyOf = async (name: string, rules: PolicyRules): Promise<string> =>
      (await api.ok<{ id: string }>('POST', `/tenants/${tenant}/policies`, { name, rules })).id;
    const [ofTenant, ofAccount] = [await policyOf('tenant', plan.tenant), await policyOf('account', plan.account)];
    await api.ok('PATCH', `/tenants/${tenant}`, { policy: ofTenant });
    const placed = [];
    for (const [index, mount] of plan.mounts.entries()) {
      const space = await api.ok<{ id: string }>('POST', `/tenants/${tenant}/spaces`, { name: `s${index}` });
      // Where the worker keeps the space's files; it makes the folder only when somebody first looks into it.
      const folder = join(server.dataDir, 'storage', tenantId, space.id, 'files');
      mkdirSync(folder, { recursive: true });
      this.folders.set(mount.path, folder);
      placed.push({ space: space.id, path: mount.path, permissions: permissionsOf(mount.permissions) });
    }
    await api.ok('POST', `/tenants/${tenant}/accounts`, {
      username: 'web',
      password: PASSWORD,
      policy: ofAccount,
      mounts: placed,
    });
    await api.ok('PATCH', `/tenants/${tenant}`, { status: plan.tenantStatus });
    await api.ok('PATCH', `/tenants/${tenant}/accounts/web`, { status: plan.accountStatus });
    this.control = plan.tls ? await RawControl.openTls(server.ports.ftps) : await RawControl.open(server.ports.ftp);
    expect(await this.control.login(`web@${tenant}`, PASSWORD)).toMatch(/^230/);
    if (plan.tls) await this.control.send('PBSZ 0');
    if (plan.tls) await this.control.send('PROT C');
    await this.control.send('TYPE I');
  }

  async ask(request: Request): Promise<void> {
    const { operation, path, newPath, replaces } = request;
    const target = operation === 'rename' ? { newPath, replaces } : {};
    const said = oracle(this.caseOf(request, true));
    const atSource = oracle(this.caseOf(request, false));
    const expected = codeOf(operation, said, atSource);
    const explained = await server.api.ok<{
      allowed: boolean;
      code: string | null;
      reply: { code: number; text: string };
    }>('POST', `/tenants/${this.tenant}/accounts/web/explain`, {
      operation,
      path,
      ...target,
      address: '127.0.0.1',
      protocol: this.plan.tls ? 'ftps' : 'ftp',
    });
    this.makeReady(request);
    const live = await this.perform(request);
    pairs++;
    tally.set(said.code ?? 'allowed', (tally.get(said.code ?? 'allowed') ?? 0) + 1);
    const answers = {
      oracle: [said.allowed, said.code, expected],
      explain: [explained.allowed, explained.code, explained.reply.code],
      live: [Number(live.slice(0, 3)), live],
    };
    const agree =
      JSON.stringify(answers.oracle) === JSON.stringify(answers.explain) &&
      answers.live[0] === expected &&
      (said.allowed || !this.isReadied(path) || live.slice(4) === explained.reply.text);
    if (agree) return;
    disagreements.push(
      JSON.stringify({ request, answers, plan: { ...this.plan, requests: undefined }, platform: this.platform }),
    );
  }

  end(): void {
    this.control.destroy();
  }

  private caseOf(request: Request, withTarget: boolean): Case {
    const { tenantStatus, accountStatus, mounts, tenant, account, tls } = this.plan;
    const { operation, path, newPath, replaces } = request;
    return {
      levels: [
        { source: 'platform', policyId: 'platform', rules: this.platform },
        { source: 'tenant', policyId: 'tenant', rules: tenant },
        { source: 'account', policyId: 'account', rules: account },
      ],
      subject: {
        tenant: { status: tenantStatus, statusText: null },
        account: { status: accountStatus, statusText: null, expiresAtMs: null },
        mounts,
      },
      request: {
        operation,
        path: parsePath(path),
        ...(withTarget && operation === 'rename' && { newPath: parsePath(newPath), replaces }),
        address: '127.0.0.1',
        tls,
        atMs: Date.now(),
      },
    };
  }

  /** The tree as the request wants to find it, made on the disk, where no policy has a say. */
  private makeReady({ operation, path, newPath, replaces }: Request): void {
    for (const folder of this.folders.values()) {
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
    }
    const isMountOrAbove = this.plan.mounts.some((mount) => isWithin(mount.path, path));
    if (!isMountOrAbove)
      this.make(path, NEEDS_ROOM.includes(operation) ? null : NEEDS_FOLDER.includes(operation) ? 'folder' : 'file');
    if (operation === 'rename') this.make(newPath, replaces ? 'file' : null);
  }

  /** Outside the mounts, and at what leads to them, there is nothing to be made ready: only the reply's code is compared. */
  private isReadied(path: string): boolean {
    const { mounts } = this.plan;
    return mounts.some((mount) => isWithin(path, mount.path)) && !mounts.some((mount) => isWithin(mount.path, path));
  }

  private make(path: string, kind: 'file' | 'folder' | null): void {
    const mount = this.plan.mounts.find((each) => isWithin(path, each.path));
    if (mount === undefined) return;
    // The product keeps names in composed form, whatever the client sends.
    const below = path.slice(mount.path === '/' ? 0 : mount.path.length).normalize('NFC');
    const inside = join(this.folders.get(mount.path)!, below);
    mkdirSync(kind === 'folder' ? inside : dirname(inside), { recursive: true });
    if (kind === 'file') writeFileSync(inside, 'before');
  }

  private async perform({ operation, path, newPath }: Request): Promise<string> {
    switch (operation) {
      case 'list':
        return this.transfer(`MLSD ${path}`);
      case 'download':
        return this.transfer(`RETR ${path}`);
      case 'upload':
      case 'overwrite':
        return this.transfer(`STOR ${path}`, 'after');
      case 'append':
        return this.transfer(`APPE ${path}`, 'after');
      case 'delete':
        return this.control.send(`DELE ${path}`);
      case 'rmdir':
        return this.control.send(`RMD ${path}`);
      case 'mkdir':
        return this.control.send(`MKD ${path}`);
      case 'chmod':
        return this.control.send(`SITE CHMOD 644 ${path}`);
      case 'touch':
        return this.control.send(`MFMT 20200102030405 ${path}`);
      case 'rename': {
        const first = await this.control.send(`RNFR ${path}`);
        return first.startsWith('350') ? this.control.send(`RNTO ${newPath}`) : first;
      }
      default:
        throw new Error(`Nobody asks for ${String(operation)}`);
    }
  }

  private async transfer(command: string, content = ''): Promise<string> {
    const data = await this.control.passive();
    try {
      const first = await this.control.send(command);
      if (!first.startsWith('150')) return first;
      data.resume();
      data.end(content);
      return await this.control.reply();
    } finally {
      data.destroy();
    }
  }
}

function codeOf(operation: Permission, said: Outcome, atSource: Outcome): number {
  if (said.allowed) return DONE[operation];
  // RFC 959 lists no 550 for RNTO.
  return operation === 'rename' && atSource.allowed ? 553 : REFUSED[said.code!]!;
}

describe('explain, a live session and the oracle', () => {
  it(`agree on ${PAIRS} random pairs of policy and request`, async () => {
    const isDone = (): boolean => pairs >= PAIRS || disagreements.length > ENOUGH;
    for (let round = 0; !isDone(); round++) {
      const seed = SEED + round;
      const platform = fc.sample(rareRules, { numRuns: 1, seed })[0]!;
      await server.api.ok('PATCH', `/policies/${platformPolicy}`, {
        rules: { paths: null, names: null, uploads: null },
      });
      await server.api.ok('PATCH', `/policies/${platformPolicy}`, { rules: platform });
      const plans = fc.sample(plan(REQUESTS_PER_POLICY), { numRuns: ACCOUNTS_AT_ONCE, seed });
      await Promise.all(
        plans.map(async (each) => {
          const customer = new Customer(platform, each);
          try {
            await customer.prepare();
            for (const one of each.requests) if (isAskable(one, each.mounts)) await customer.ask(one);
          } finally {
            customer.end();
          }
        }),
      );
    }
    process.stdout.write(
      `${pairs} pairs, seed ${SEED}, ${disagreements.length} disagreements: ${JSON.stringify(Object.fromEntries(tally))}\n`,
    );
    expect(disagreements).toEqual([]);
    for (const code of ['allowed', 'access.denied', 'path.name-refused', 'path.not-found']) {
      expect({ code, met: (tally.get(code) ?? 0) > 0 }).toEqual({ code, met: true });
    }
  });
});
