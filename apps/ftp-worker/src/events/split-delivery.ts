/** The target is there and will never take what it was given: its content is refused, not the moment. */
export class ContentRefusedError extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'ContentRefusedError';
  }
}

export interface SplitDeliveryOptions<T> {
  readonly items: readonly T[];
  /** Takes some of the items, in order. Throws {@link ContentRefusedError} where one of them can never be taken. */
  readonly send: (items: readonly T[]) => Promise<void>;
  /** Keeps an item that is refused by itself, again and again. */
  readonly setAside: (item: T, error: ContentRefusedError) => Promise<void>;
}

/** A refusal may rest on what others have not recorded yet, so it has to be repeated. */
const REFUSALS = 3;

/**
 * Items on their way to one target: all at once, and where the target refuses them, in halves, until what it refuses
 * is found and set aside. Goes on where it was after a target that was away.
 */
export class SplitDelivery<T> {
  private readonly open: (readonly T[])[];
  private refusals = 0;

  constructor(private readonly options: SplitDeliveryOptions<T>) {
    this.open = options.items.length === 0 ? [] : [options.items];
  }

  /** Resolves when every item is taken or set aside; rejects, to be called again, when the target is away. */
  async attempt(): Promise<void> {
    for (let items = this.open[0]; items !== undefined; items = this.open[0]) {
      if (await this.deliver(items)) {
        this.open.shift();
        this.refusals = 0;
      }
    }
  }

  private async deliver(items: readonly T[]): Promise<boolean> {
    const { send, setAside } = this.options;
    try {
      await send(items);
    } catch (error) {
      if (!(error instanceof ContentRefusedError)) throw error;
      if (items.length > 1) {
        const middle = Math.ceil(items.length / 2);
        this.open.splice(0, 1, items.slice(0, middle), items.slice(middle));
        return false;
      }
      this.refusals += 1;
      if (this.refusals < REFUSALS) throw error;
      await setAside(items[0]!, error);
    }
    return true;
  }
}
