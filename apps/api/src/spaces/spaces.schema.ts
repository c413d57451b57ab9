import type { SpaceRecord } from '@quayside/database';
import { z } from 'zod';
import { count, id, limit, shownCount, time, version } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';

export const spaceQuery = z.strictObject(pageParameters);
export type SpaceQuery = z.output<typeof spaceQuery>;

export const spaceOut = z
  .object({
    id,
    name: z.string(),
    backend: z.string(),
    quota: z.object({ bytes: limit, files: limit }),
    usage: z.object({ bytes: count, files: count }),
    mounts: count.describe('How many accounts have it in their view.'),
    removing: z.boolean().describe('Whether its files are being removed.'),
    version,
    createdAt: time,
  })
  .meta({ id: 'Space' });
export type SpaceOut = z.output<typeof spaceOut>;

export const spacePage = pageOf('SpacePage', spaceOut);

export function presentSpace(space: SpaceRecord): SpaceOut {
  return {
    id: space.id,
    name: space.name,
    backend: space.backend,
    quota: { bytes: space.bytesLimit, files: space.filesLimit },
    usage: { bytes: shownCount(space.bytesUsed), files: shownCount(space.filesUsed) },
    mounts: space.mounts,
    removing: space.removedAt !== null,
    version: space.version,
    createdAt: space.createdAt.toISOString(),
  };
}
