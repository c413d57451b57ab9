import type { SpaceRecord } from '@quayside/database';
import { z } from 'zod';
import { count, id, label, limit, shownCount, time, version } from '../http/fields.js';
import { quota } from '../http/quota.js';
import { pageOf, pageParameters } from '../http/page.js';

const name = label.max(100);
const NO_LIMITS = { bytes: null, files: null };

/** The whole of what can be edited: what a merged patch must be. */
export const spaceInput = z
  .strictObject({ name, quota: quota.default(NO_LIMITS) })
  .meta({ id: 'SpaceInput', examples: [{ name: 'photos', quota: { bytes: 10737418240, files: 100000 } }] });
export type SpaceInput = z.output<typeof spaceInput>;

export const patchSpace = z
  .strictObject({
    name: name.optional(),
    quota: z.strictObject({ bytes: limit.optional(), files: limit.optional() }).nullish(),
  })
  .meta({ id: 'PatchSpace', examples: [{ quota: { bytes: 21474836480 } }] });

export const removeQuery = z.strictObject({
  files: z
    .enum(['keep', 'delete'])
    .default('keep')
    .describe('`keep` refuses a space that holds files; `delete` removes them after the answer.'),
});
export type RemoveQuery = z.output<typeof removeQuery>;

export const spaceQuery = z.strictObject(pageParameters);
export type SpaceQuery = z.output<typeof spaceQuery>;

export const spaceOut = z
  .object({
    id,
    name: z.string(),
    backend: z.string(),
    quota: z.object({ bytes: limit, files: limit }),
    usage: z.object({
      bytes: count,
      files: count,
      reservedBytes: count.describe('Held by running uploads and incomplete ones.'),
      stagedBytes: count.describe('The incomplete uploads’ part of it: they can be resumed.'),
    }),
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
    usage: {
      bytes: shownCount(space.bytesUsed),
      files: shownCount(space.filesUsed),
      reservedBytes: shownCount(space.bytesReserved),
      stagedBytes: shownCount(space.bytesStaged),
    },
    mounts: space.mounts,
    removing: space.removedAt !== null,
    version: space.version,
    createdAt: space.createdAt.toISOString(),
  };
}

/** The editable part of a space, as a patch sees it. */
export function editableOf(space: SpaceRecord): SpaceInput {
  return { name: space.name, quota: { bytes: space.bytesLimit, files: space.filesLimit } };
}
