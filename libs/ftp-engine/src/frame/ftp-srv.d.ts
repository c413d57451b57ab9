// Types of the parts of ftp-srv 4.6.3 that its own declarations leave out and the frame relies on.

declare module 'ftp-srv/src/commands/registry.js' {
  interface RegistryEntry {
    readonly directive: string | readonly string[];
    readonly handler: (this: unknown, context: { command: FrameCommand }) => unknown;
    readonly syntax?: string;
    readonly description?: string;
    readonly flags?: Record<string, unknown>;
  }
  /** ftp-srv's parsed command. */
  export interface FrameCommand {
    readonly directive: string;
    readonly arg: string | null;
    readonly flags: readonly string[];
    readonly raw: string;
  }
  /** One plain object for the whole process. */
  const registry: Record<string, RegistryEntry>;
  export default registry;
}

declare module 'ftp-srv/src/commands/index.js' {
  import type { FrameCommand } from 'ftp-srv/src/commands/registry.js';

  class Commands {
    constructor(connection: object);
    handle(command: string | FrameCommand): PromiseLike<unknown>;
  }
  export default Commands;
}

declare module 'ftp-srv/src/connector/base.js' {
  class BaseConnector {
    constructor(connection: object);
    end(): void;
  }
  export default BaseConnector;
}

declare module 'ftp-srv/src/connection.js' {
  import type { EventEmitter } from 'node:events';
  import type { Socket } from 'node:net';
  import type { FtpServer } from 'ftp-srv';
  import type { FrameCommand } from 'ftp-srv/src/commands/registry.js';

  class FrameConnection extends EventEmitter {
    constructor(server: FtpServer, options: { log: unknown; socket: Socket });
    readonly id: string;
    commandSocket: Socket;
    authenticated: boolean;
    secure: boolean;
    readonly commands: { handle(command: string | FrameCommand): PromiseLike<unknown> };
    close(code?: number, message?: string): PromiseLike<unknown>;
    reply(options: unknown, ...letters: unknown[]): PromiseLike<unknown>;
    connector: { end(): void };
  }
  export default FrameConnection;
}
