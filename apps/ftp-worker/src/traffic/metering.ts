import type { SessionGrant } from '@quayside/domain';
import type { Log, TransferMeter, TransferMetering } from '@quayside/ftp-engine';
import type { MonthlyTraffic } from './monthly-traffic.js';
import type { SharedRates } from './shared-rates.js';

export interface MeteringParts {
  readonly rates: SharedRates;
  readonly traffic: MonthlyTraffic;
  readonly log: Log;
}

const EXCHANGE_MS = 1_000;
/**
 * Exchanges without a transfer after which there are none: the next transfer begins a new second, and a client whose
 * transfers are shorter, in turn with pauses, would meet none ever.
 */
const QUIET_EXCHANGES = 60;

type MeteredTransfer = Parameters<TransferMetering['open']>[0];

/** The engine's metering: shared rates and monthly traffic of every transfer, by the grant as it is at each piece. */
export class Metering implements TransferMetering {
  private timer: NodeJS.Timeout | null = null;
  private exchanging: Promise<void> | null = null;
  private running = 0;
  private quiet = 0;

  constructor(private readonly parts: MeteringParts) {}

  async stop(): Promise<void> {
    this.rest();
    await this.exchanging;
  }

  async open(transfer: MeteredTransfer): Promise<TransferMeter> {
    const { rates, traffic } = this.parts;
    const began = transfer.grant();
    if (traffic.isLimited(began)) await traffic.begin(began, transfer.transferId, transfer.direction);
    rates.began(began, transfer.direction);
    this.running++;
    this.timer ??= setInterval(() => this.tick(), EXCHANGE_MS).unref();
    return new Meter(this.parts, transfer, began, () => {
      this.running--;
      this.quiet = 0;
    });
  }

  /** Nothing is compared, and nobody woken, where nothing has moved for a minute. */
  private tick(): void {
    if (this.running === 0 && ++this.quiet > QUIET_EXCHANGES && this.parts.traffic.isSettled) return this.rest();
    this.exchanging ??= this.exchange().finally(() => (this.exchanging = null));
  }

  private rest(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
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

class Meter implements TransferMeter {
  constructor(
    private readonly parts: MeteringParts,
    private readonly transfer: MeteredTransfer,
    private readonly began: SessionGrant,
    private readonly onClosed: () => void,
  ) {}

  get isFree(): boolean {
    const { rates, traffic } = this.parts;
    const grant = this.transfer.grant();
    return !rates.isLimited(grant, this.transfer.direction) && !traffic.isLimited(grant);
  }

  take(bytes: number, nowMs: number): number {
    const { transferId, direction } = this.transfer;
    const grant = this.transfer.grant();
    this.parts.traffic.take(grant, transferId, direction, bytes);
    return this.parts.rates.take(grant, direction, bytes, nowMs);
  }

  waitMs(nowMs: number): number {
    return this.parts.rates.waitMs(this.transfer.grant(), this.transfer.direction, nowMs);
  }

  close(): void {
    this.parts.traffic.ended(this.began, this.transfer.transferId);
    this.parts.rates.ended(this.began, this.transfer.direction);
    this.onClosed();
  }
}
