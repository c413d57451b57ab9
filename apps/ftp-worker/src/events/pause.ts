/** A wait of one owner that somebody else can cut short. */
export class Pause {
  private interruption: (() => void) | null = null;

  /** Resolves after `ms`, or when {@link end} is called. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.interruption = null;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.interruption = done;
    });
  }

  /** Ends the wait that is under way, if there is one. */
  end(): void {
    this.interruption?.();
  }
}
