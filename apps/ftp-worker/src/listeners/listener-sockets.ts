import type { Config, WorkerPlace } from '@quayside/config';
import type { ListenerOptions } from '@quayside/ftp-engine';
import { listenReusePort } from '@quayside/native';
import { listenError } from '@quayside/supervisor';

/**
 * The listeners of this worker. Several workers share the ports by SO_REUSEPORT, so that the kernel spreads the
 * connections and no process stands in between; where that is not to be had, only the first worker listens.
 */
export function openListeners(config: Config, place: WorkerPlace): ListenerOptions[] {
  const { host, port, implicitTlsPort } = config.ftp;
  const wanted = [
    { name: 'ftp', setting: 'FTP_PORT', port, tls: 'explicit' as const },
    { name: 'ftps', setting: 'FTPS_PORT', port: implicitTlsPort, tls: 'implicit' as const },
  ].filter((listener) => listener.name !== 'ftps' || listener.port !== 0);
  const listeners: ListenerOptions[] = [];
  for (const { name, setting, port: ownPort, tls } of wanted) {
    try {
      const fd = place.count === 1 ? null : listenReusePort({ host, port: ownPort });
      if (fd === null && place.slot > 0) continue;
      listeners.push(listenerOf({ name, host, port: ownPort, tls }, fd));
    } catch (error) {
      throw listenError(error, { setting, hostSetting: 'FTP_HOST', host, port: ownPort });
    }
  }
  return listeners;
}

/** On a socket that listens already, or on one that is opened. */
export function listenerOf({ name, host, port, tls }: Omit<ListenerOptions, 'fd'>, fd: number | null): ListenerOptions {
  return { name, host, port, tls, fd: fd ?? undefined };
}
