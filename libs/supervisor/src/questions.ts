type Answerer = (what: string) => unknown;

interface Waiting {
  settle(answer: { readonly value: unknown } | Error): void;
}

/** Questions of one side that wait for the other; one that is not answered in time is forgotten. */
const MAX_WAITING = 1_000;

/** One end of an IPC channel on which either side asks the other for something by name. */
export class Questions {
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;

  /** `send` is false or throws where the channel is closed. */
  constructor(private readonly send: (message: object) => boolean) {}

  /** Rejects when there is no answer within the deadline, or the other side could not give one. */
  ask(what: string, deadlineMs: number): Promise<unknown> {
    const id = ++this.lastId;
    return new Promise((resolve, reject) => {
      if (this.waiting.size >= MAX_WAITING) {
        reject(new Error('Too many questions wait for an answer'));
        return;
      }
      const late = setTimeout(() => waiting.settle(new Error(`No answer to "${what}"`)), deadlineMs);
      const waiting: Waiting = {
        settle: (answer) => {
          clearTimeout(late);
          this.waiting.delete(id);
          if (answer instanceof Error) reject(answer);
          else resolve(answer.value);
        },
      };
      this.waiting.set(id, waiting);
      if (!this.deliver({ type: 'question', id, what })) waiting.settle(new Error('The other side is gone'));
    });
  }

  /** Whether the message was one of this conversation; then it has been dealt with. */
  take(message: unknown, answer: Answerer): boolean {
    if (!isPart(message)) return false;
    if (message.type === 'answer') {
      this.waiting.get(message.id)?.settle('value' in message ? { value: message.value } : new Error('No answer'));
      return true;
    }
    const { id, what } = message;
    Promise.resolve()
      .then(() => answer(what ?? ''))
      .then(
        (value) => this.deliver({ type: 'answer', id, value: value ?? null }),
        () => this.deliver({ type: 'answer', id }),
      )
      .catch(() => undefined);
    return true;
  }

  /** The channel is closed: nobody will answer. */
  close(): void {
    for (const waiting of this.waiting.values()) waiting.settle(new Error('The other side is gone'));
  }

  private deliver(message: object): boolean {
    try {
      return this.send(message);
    } catch {
      return false;
    }
  }
}

interface Part {
  readonly type: 'question' | 'answer';
  readonly id: number;
  readonly what?: string;
  readonly value?: unknown;
}

function isPart(message: unknown): message is Part {
  if (typeof message !== 'object' || message === null || !('type' in message) || !('id' in message)) return false;
  return (message.type === 'question' || message.type === 'answer') && typeof message.id === 'number';
}
