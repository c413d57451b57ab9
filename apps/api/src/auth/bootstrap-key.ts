import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { ApiKeyRepository, Database, inTransaction } from '@quayside/database';
import { API_SETTINGS, type ApiSettings } from '../settings.js';
import { hashApiKey } from './api-key-format.js';

/** The one key that is not made over the API; its id is the same in every installation. */
const BOOTSTRAP_KEY_ID = '00000000-0000-7000-8000-000000000001';

/** Makes the configured key a platform-admin key at start; the one configured before stops working. */
@Injectable()
export class BootstrapKey implements OnModuleInit {
  constructor(
    @Inject(API_SETTINGS) private readonly settings: ApiSettings,
    @Inject(Database) private readonly database: Database,
    private readonly keys: ApiKeyRepository,
  ) {}

  async onModuleInit(): Promise<void> {
    const key = this.settings.bootstrapAdminKey;
    if (key === undefined) return;
    await inTransaction(this.database, (tx) =>
      this.keys.put(tx, {
        id: BOOTSTRAP_KEY_ID,
        tenantId: null,
        name: 'bootstrap',
        role: 'platform-admin',
        // The key was chosen by somebody, so no part of it is stored.
        prefix: 'bootstrap',
        keyHash: hashApiKey(key),
        expiresAt: null,
      }),
    );
  }
}
