import type { Config } from '@quayside/config';
import { assertPortFree, FatalError, type ListenTarget } from '@quayside/supervisor';

/** All ports are asked for before anything starts, so that every one that is taken is named at once. */
export async function assertPortsFree(config: Config): Promise<void> {
  const { api, ftp } = config;
  const targets: ListenTarget[] = [
    { setting: 'API_PORT', hostSetting: 'API_HOST', host: api.host, port: api.port },
    { setting: 'FTP_PORT', hostSetting: 'FTP_HOST', host: ftp.host, port: ftp.port },
  ];
  if (ftp.implicitTlsPort !== 0) {
    targets.push({ setting: 'FTPS_PORT', hostSetting: 'FTP_HOST', host: ftp.host, port: ftp.implicitTlsPort });
  }
  const messages: string[] = [];
  for (const target of targets) {
    try {
      await assertPortFree(target);
    } catch (error) {
      if (!(error instanceof FatalError)) throw error;
      if (!messages.includes(error.message)) messages.push(error.message);
    }
  }
  if (messages.length > 0) throw new FatalError(messages.join('\n'));
}
