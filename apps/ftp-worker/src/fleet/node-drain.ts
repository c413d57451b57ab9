import type { NodesRepository } from '@quayside/database';
import type { Log, RetirePlan } from '@quayside/ftp-engine';

/** The listeners that a drain concerns; FtpEngine is one. */
export interface Drainable {
  readonly accepting: boolean;
  pause(plan: RetirePlan): void;
  resume(): void;
}

export interface NodeDrainParts {
  readonly workerId: string;
  readonly nodes: Pick<NodesRepository, 'isDraining'>;
  readonly engine: () => Drainable;
  readonly plan: RetirePlan;
  readonly log: Log;
}

/**
 * Carries the node's draining flag to this worker: told by notification, read again with each heartbeat, and remembered
 * by the database over a restart. Every worker of the node does the same, so nobody takes what another one refuses.
 */
export class NodeDrain {
  constructor(private readonly parts: NodeDrainParts) {}

  apply(draining: boolean): void {
    const engine = this.parts.engine();
    if (draining !== engine.accepting) return;
    if (draining) engine.pause(this.parts.plan);
    else engine.resume();
    this.parts.log.info(draining ? 'draining: no new sessions are taken' : 'taking sessions again');
  }

  /** The flag of some node was changed. Never rejects: the next heartbeat tells as well. */
  async changed(): Promise<void> {
    try {
      const draining = await this.parts.nodes.isDraining(this.parts.workerId);
      if (draining !== null) this.apply(draining);
    } catch (error) {
      this.parts.log.warn('whether this node is to be drained could not be read', { error: String(error) });
    }
  }
}
