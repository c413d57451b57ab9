/** The queue's backend did not answer in time; the call may still take effect, which de-duplication makes harmless. */
export class QueueTimeoutError extends Error {
  constructor(what: string, deadlineMs: number) {
    super(`The queue did not answer ${what} within ${deadlineMs} ms`);
    this.name = 'QueueTimeoutError';
  }
}

/** Settles with `call`, or rejects with {@link QueueTimeoutError} after `deadlineMs`. */
export async function withDeadline<T>(call: Promise<T>, deadlineMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new QueueTimeoutError(what, deadlineMs)), deadlineMs);
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
    // The loser of the race has no other reader: its late rejection must not end the process.
    call.catch(() => undefined);
  }
}
