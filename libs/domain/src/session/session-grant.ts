import type { AccessPolicy } from '../access/access-policy.js';
import type { AnonymousAccess } from '../access/anonymous.js';
import type { PermissionMask } from '../access/permission.js';
import type { Status } from '../access/status.js';
import type { VirtualPath } from '../paths/virtual-path.js';

/** A space (or a folder of it) at a path of an account's view. */
export interface GrantMount {
  readonly mountId: string;
  readonly spaceId: string;
  readonly path: VirtualPath;
  /** Folder of the space that is mounted; the root for the whole space. */
  readonly subpath: VirtualPath;
  readonly permissions: PermissionMask;
  /** Where the backend finds the space, e.g. `{ kind: 'local', root: 'acme/0190…' }`. */
  readonly backend: SpaceBackend;
}

export interface SpaceBackend {
  readonly kind: 'local';
  /** Relative to the storage root of the node. */
  readonly root: string;
}

/** What a successful login yields: all that a session needs to serve its account, as one immutable value. */
export interface SessionGrant {
  readonly tenantId: string;
  readonly tenantSlug: string;
  readonly accountId: string;
  /** Case-folded user name within the tenant. */
  readonly username: string;
  /** `user@tenant`, for logs and displays. */
  readonly login: string;
  readonly credentialId: string;
  /** Version of account, tenant and policies together; a change swaps the grant of open sessions. */
  readonly version: string;
  readonly status: Status;
  /** Text for the customer where the status is not `active`. */
  readonly statusText: string | null;
  /** Sorted so that the mount with the longest path comes first. */
  readonly mounts: readonly GrantMount[];
  readonly policy: AccessPolicy;
  /** A visitor without a password; `policy` holds the limits already. Absent for everybody else. */
  readonly anonymous?: AnonymousAccess;
}
