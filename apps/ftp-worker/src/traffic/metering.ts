import type { Log, TransferMeter, TransferMetering } from '@quayside/ftp-engine';
import type { MonthlyTraffic } from './monthly-traffic.js';
import type { SharedRates } from './shared-rates.js';

export interface MeteringParts {
  readonly rates: SharedRates;
  readonly traffic: MonthlyTraffic;
  readonly log: Log;
}

const EXCHANGE_MS = 1_000;

/** The engine's metering: shared rates and monthly traffic of every transfer, by the grant as it is at each piece. */
export class Metering implements TransferMetering {
  private timer: NodeJS.Timeout | null = null;
  private exchanging: Promise<void> | null = null;

  constructor(private readonly parts: MeteringParts) {}

  start(): void {
    this.timer = setInterval(() => {
      this.exchanging ??= this.exchange().finally(() => (this.exchanging = null));
    }, EXCHANGE_MS);
    this.timer.unref();
  }

  async stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await this.exchanging;
  }

  async open({ transferId, direction, grant }: Parameters<TransferMetering['open']>[0]): Promise<TransferMeter> {
    const { rates, traffic } = this.parts;
    const began = grant();
    await traffic.begin(began, transferId, direction);
    rates.began(began, direction);
    return {
      get isFree() {
        return !rates.isLimited(grant(), direction) && !traffic.isLimited(grant());
      },
      take(bytes, nowMs) {
        traffic.take(grant(), transferId, direction, bytes);
        return rates.take(grant(), direction, bytes, nowMs);
      },
      waitMs: (nowMs) => rates.waitMs(grant(), direction, nowMs),
      close() {
        traffic.ended(began, transferId);
        rates.ended(began, direction);
      },
    };
  }

  private async exchange(): Promise<void> {
    const { rates, traffic, log } = this.parts;
    try {
      await rates.exchange();
      await traffic.refresh();
    } catch (error) {
      // The parts stay as they are until the database is back.
      log.debug('shared rates and traffic could not be compared with the other workers', { error: String(error) });
    }
  }
}
