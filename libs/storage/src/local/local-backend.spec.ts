import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasNativeFolder, type NativeUse } from '@quayside/native';
import { describeStorageBackend } from '../conformance.js';
import { LocalBackend } from './local-backend.js';

const WAYS: readonly NativeUse[] = hasNativeFolder() ? ['auto', 'off'] : ['off'];

for (const native of WAYS) {
  describeStorageBackend(`the local backend (native ${native})`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'quayside-storage-'));
    const opened: LocalBackend[] = [];
    const open = (space: string) => {
      const backend = LocalBackend.open({ folder: join(folder, space), native });
      opened.push(backend);
      return backend;
    };
    const reopen = () => open('one');
    return {
      backend: reopen(),
      reopen,
      another: () => open('two'),
      async cleanUp() {
        for (const backend of opened) backend.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  });
}
