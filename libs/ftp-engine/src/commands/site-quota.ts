import type { GrantMount } from '@quayside/domain';
import { lines } from '../control/reply.js';
import type { Remaining } from '../ports.js';
import type { SiteCommand } from './site.js';

/** SITE QUOTA: limits and use of every mount that the account sees. */
export const siteQuota: SiteCommand = {
  name: 'QUOTA',
  syntax: 'QUOTA',
  handler: async ({ session }) => {
    const grant = session.grant!;
    const body: string[] = [];
    for (const mount of grant.mounts) {
      body.push(describe(mount, await session.engine.ports.quota.remaining(grant, mount)));
    }
    return lines(200, 'Quota:', body, 'End of quota');
  },
};

function describe(mount: GrantMount, { usedBytes, limitBytes, usedFiles, limitFiles }: Remaining): string {
  return (
    `${mount.path}: ${usedBytes} of ${limitBytes ?? 'unlimited'} bytes, ` +
    `${usedFiles} of ${limitFiles ?? 'unlimited'} files used`
  );
}
