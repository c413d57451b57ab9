/**
 * The leases that this worker stands for: of uploads and moves that run, of commits that the ledger has not applied yet,
 * and of those that could not be given back yet. Only these are renewed: a question whose answer was given up while the
 * database hung may still be carried out after its lease was released, and what it made then ends with its time.
 */
export class HeldLeases {
  private readonly held = new Set<string>();

  add(id: string): void {
    this.held.add(id);
  }

  /** Given back, applied, or never to be applied. */
  end(id: string): void {
    this.held.delete(id);
  }

  ids(): string[] {
    return [...this.held];
  }
}
