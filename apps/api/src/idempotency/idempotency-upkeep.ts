import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { IdempotencyRepository } from '@quayside/database';

const INTERVAL_MS = 10 * 60_000;
const MAX_BATCHES = 100;

/** Deletes keys that have run out. A run that fails is made up for by the next one. */
@Injectable()
export class IdempotencyUpkeep implements OnApplicationBootstrap, OnApplicationShutdown {
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly keys: IdempotencyRepository) {}

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => void this.run().catch(() => undefined), INTERVAL_MS).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.#timer);
  }

  async run(): Promise<void> {
    for (let batch = 0; batch < MAX_BATCHES; batch++) if ((await this.keys.purge()) === 0) return;
  }
}
