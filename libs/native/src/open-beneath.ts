import { hasNativeFolder, NativeFolder } from './native-folder.js';
import { PortableFolder } from './portable-folder.js';
import type { RootedFolder } from './rooted-folder.js';

/** `auto` takes the kernel's way where it is to be had; `off` always the portable one. */
export type NativeUse = 'auto' | 'off';

/** Open an existing folder (absolute path) as a root that nothing leads out of. */
export function openRootedFolder(folder: string, native: NativeUse = 'auto'): RootedFolder {
  return native === 'auto' && hasNativeFolder() ? new NativeFolder(folder) : new PortableFolder(folder);
}
