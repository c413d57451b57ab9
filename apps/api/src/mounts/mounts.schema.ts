import type { MountRecord } from '@quayside/database';
import { maskOf, type Permission, PERMISSIONS, permissionsOf } from '@quayside/domain';
import { z } from 'zod';
import { id, time, version } from '../http/fields.js';
import { pageOf, pageParameters } from '../http/page.js';
import { viewPath } from '../http/view-path.js';

const permissions = z
  .array(z.enum(PERMISSIONS))
  .max(PERMISSIONS.length)
  .transform((given): Permission[] => permissionsOf(maskOf(given)))
  .describe('What the mount gives; policies can only take from it. All of them when absent.');
const space = id.describe('Id of a space of the tenant.');
const path = viewPath.describe('Where the account sees it.');
const subpath = viewPath.describe('The folder of the space that is seen there; `/` for all of it.');

/** The whole of what can be edited: what a merged patch must be. */
export const mountInput = z
  .strictObject({
    space,
    path,
    subpath: subpath.default('/'),
    permissions: permissions.default([...PERMISSIONS]),
  })
  .meta({
    id: 'MountInput',
    examples: [{ space: '0192f0c1-7c1e-7000-8000-000000000001', path: '/shared', permissions: ['list', 'download'] }],
  });
export type MountInput = z.output<typeof mountInput>;

export const patchMount = z
  .strictObject({
    space: space.optional(),
    path: path.optional(),
    subpath: subpath.nullish(),
    permissions: permissions.nullish(),
  })
  .meta({ id: 'PatchMount', examples: [{ permissions: ['list', 'download'] }] });

export const mountOut = z
  .object({
    id,
    space: id,
    spaceName: z.string(),
    path: z.string(),
    subpath: z.string(),
    permissions: z.array(z.enum(PERMISSIONS)),
    version,
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Mount' });
export type MountOut = z.output<typeof mountOut>;

export const mountPage = pageOf('MountPage', mountOut);
export const mountQuery = z.strictObject(pageParameters);
export type MountQuery = z.output<typeof mountQuery>;

export function presentMount(mount: MountRecord): MountOut {
  return {
    id: mount.id,
    space: mount.spaceId,
    spaceName: mount.spaceName,
    path: mount.path,
    subpath: mount.subpath,
    permissions: mount.permissions as Permission[],
    version: mount.version,
    createdAt: mount.createdAt.toISOString(),
    updatedAt: mount.updatedAt.toISOString(),
  };
}

/** The editable part of a mount, as a patch sees it. */
export function editableOf(mount: MountRecord): MountInput {
  const { path: at, subpath: of, permissions: given } = presentMount(mount);
  return { space: mount.spaceId, path: at, subpath: of, permissions: given };
}

export function columnsOf({ space: spaceId, path: at, subpath: of, permissions: given }: MountInput) {
  return { spaceId, path: at, subpath: of, permissions: given };
}
