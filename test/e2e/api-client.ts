export interface Transfer {
  readonly id: string;
  readonly direction: 'upload' | 'download';
  readonly path: string;
  readonly bytes: number;
  readonly outcome: 'completed' | 'failed' | 'aborted';
  readonly reason?: string | null;
  readonly sha256?: string | null;
  readonly protocol: 'ftp' | 'ftps';
  readonly remoteAddress: string;
}

export interface Account {
  readonly id: string;
  readonly username: string;
  readonly login: string;
  readonly status: string;
  readonly usage: { readonly bytes: number; readonly files: number };
  readonly password?: string;
}

/** The REST API as a customer's script uses it. */
export class ApiClient {
  constructor(
    private readonly base: string,
    private readonly key: string,
  ) {}

  async request(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    const response = await fetch(this.base + path, {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
  }

  /** Any status but a success is an error with the problem document in it. */
  async ok<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await this.request(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body as T;
  }

  async account(tenant: string, username: string): Promise<Account> {
    return this.ok('GET', `/tenants/${tenant}/accounts/${username}`);
  }

  /** All pages, newest first. */
  async transfers(tenant: string, query: Record<string, string> = {}): Promise<Transfer[]> {
    const all: Transfer[] = [];
    let cursor: string | null = null;
    do {
      const search = new URLSearchParams({ ...query, ...(cursor === null ? {} : { cursor }) });
      const page: { items: Transfer[]; nextCursor?: string | null } = await this.ok(
        'GET',
        `/tenants/${tenant}/transfers?${search.toString()}`,
      );
      all.push(...page.items);
      cursor = page.nextCursor ?? null;
    } while (cursor !== null);
    return all;
  }
}
