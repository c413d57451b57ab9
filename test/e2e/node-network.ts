import { execFileSync, spawn, type ChildProcess } from 'node:child_process';

/** A machine of the network: a namespace with a loopback and one interface. */
export interface NetworkedMachine {
  readonly namespace: string;
  readonly address: string;
}

/**
 * Machines of their own on a bridge of this one, as far as the network goes: each has its ports, addresses and sockets.
 * This machine has addresses on the bridge too: the first for its servers, the others to be clients with. Needs root.
 */
export class NodeNetwork {
  readonly machines: readonly NetworkedMachine[];
  readonly hostAddress: string;
  readonly clientAddresses: readonly string[];
  /** In CIDR notation. */
  readonly subnet: string;
  private readonly bridge: string;

  private constructor(machines: number, clients: number) {
    // The kernel takes 15 letters for an interface; the pid keeps runs at the same time apart.
    const name = `qs${process.pid.toString(36)}${Math.floor(Math.random() * 1296).toString(36)}`;
    const prefix = `10.${200 + Math.floor(Math.random() * 50)}.${Math.floor(Math.random() * 256)}`;
    this.bridge = `${name}b`;
    this.subnet = `${prefix}.0/24`;
    this.hostAddress = `${prefix}.1`;
    this.machines = Array.from({ length: machines }, (_, index) => ({
      namespace: `${name}n${index + 1}`,
      address: `${prefix}.${index + 2}`,
    }));
    this.clientAddresses = Array.from({ length: clients }, (_, index) => `${prefix}.${index + 101}`);
  }

  static create(size: { readonly machines: number; readonly clients: number }): NodeNetwork {
    const network = new NodeNetwork(size.machines, size.clients);
    try {
      network.build();
    } catch (error) {
      network.remove();
      throw error;
    }
    return network;
  }

  /** A process that sees the machine's network; its pid is the program's. */
  spawn(machine: NetworkedMachine, file: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
    const stdio = ['ignore', 'pipe', 'pipe'] as const;
    return spawn('ip', ['netns', 'exec', machine.namespace, file, ...args], { env, stdio: [...stdio] });
  }

  /** Ends what runs on the machine, parents first and without a warning. */
  crash(machine: NetworkedMachine): void {
    for (let round = 0; round < 3; round++) {
      for (const pid of ip('netns', 'pids', machine.namespace).split('\n').filter(Boolean)) {
        try {
          process.kill(Number(pid), 'SIGKILL');
        } catch {
          // It has ended since the list was made.
        }
      }
    }
  }

  /** Also what was built in part, and what still runs there. */
  remove(): void {
    for (const machine of this.machines) {
      ignoringAbsence(() => this.crash(machine));
      ignoringAbsence(() => ip('netns', 'delete', machine.namespace));
    }
    ignoringAbsence(() => ip('link', 'delete', this.bridge));
  }

  private build(): void {
    ip('link', 'add', this.bridge, 'type', 'bridge');
    for (const address of [this.hostAddress, ...this.clientAddresses]) {
      ip('address', 'add', `${address}/24`, 'dev', this.bridge);
    }
    ip('link', 'set', this.bridge, 'up');
    for (const { namespace, address } of this.machines) {
      const outer = `${namespace}v`;
      ip('netns', 'add', namespace);
      ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
      ip('link', 'set', outer, 'master', this.bridge, 'up');
      ip('-n', namespace, 'address', 'add', `${address}/24`, 'dev', 'eth0');
      ip('-n', namespace, 'link', 'set', 'eth0', 'up');
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
    }
  }
}

/** Whether this process may make such a network: root on Linux with iproute2, and a kernel that lets it. */
export function canMakeNetworks(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    NodeNetwork.create({ machines: 1, clients: 0 }).remove();
    return true;
  } catch {
    return false;
  }
}

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 10_000 });
}

function ignoringAbsence(remove: () => void): void {
  try {
    remove();
  } catch {
    // Removing goes on: what is absent was not built, or was removed.
  }
}
