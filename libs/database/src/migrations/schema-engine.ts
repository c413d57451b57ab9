import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import { DriverAdapterError, bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import { DatabaseError, Pool } from 'pg';

type BareEngine = typeof import('@prisma/schema-engine-wasm') & { __wbg_set_wasm(exports: unknown): void };
type Exports = Record<string, () => void>;

// The standard global, which neither lib es2023 nor the Node 20 types declare.
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: { instantiate(binary: Uint8Array, imports: object): Promise<{ instance: { exports: Exports } }> };
};

// The bindings keep one instance in module scope, so a second one would pull the memory from under the first.
// Its migration lock leaves a timer of 10 s behind, which can hold up the exit of a process that has just migrated.
let loaded: Promise<BareEngine> | undefined;

/**
 * Prisma's schema engine as WebAssembly: the same engine that the Prisma CLI downloads, without the download. Loaded
 * only where there is something to migrate, because it takes about half a second.
 */
export async function openSchemaEngine(url: string, datamodels: readonly SchemaFile[]): Promise<OpenEngine> {
  loaded ??= loadEngine();
  const engine = await loaded;
  // A pool of our own, because the engine never closes the connections of the one that the adapter would make.
  const pool = new Pool({ connectionString: url, max: 2 });
  pool.on('error', () => undefined);
  try {
    const opened = await engine.SchemaEngine.new(
      { datamodels: datamodels.map(({ path, content }) => [path, content]) },
      () => undefined,
      bindMigrationAwareSqlAdapterFactory(wholeScripts(new PrismaPg(pool), pool)),
    );
    return { engine: opened, close: async () => (opened.free(), pool.end()) };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

export interface OpenEngine {
  readonly engine: SchemaEngine;
  close(): Promise<void>;
}

/** A file of prisma/schema, as the engine takes them. */
export interface SchemaFile {
  readonly path: string;
  readonly content: string;
}

/**
 * The adapter cuts scripts at every semicolon, also those in functions, comments and literals. PostgreSQL takes a
 * script whole, and then runs it as one transaction, so a migration that fails leaves nothing half done.
 */
function wholeScripts(factory: PrismaPg, pool: Pool): PrismaPg {
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const adapter = await connect();
    adapter.executeScript = async (script) => {
      try {
        await pool.query(script);
      } catch (error) {
        if (!(error instanceof DatabaseError)) throw error;
        throw new DriverAdapterError({
          kind: 'postgres',
          code: error.code ?? 'XX000',
          severity: error.severity ?? 'ERROR',
          message: error.message,
          detail: error.detail,
          column: error.column,
          hint: error.hint,
        });
      }
    };
    return adapter;
  };
  return factory;
}

async function loadEngine(): Promise<BareEngine> {
  const require = createRequire(import.meta.url);
  const entry = require.resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const engine = (await import(entry)) as BareEngine;
  const binary = await readFile(join(dirname(entry), 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(binary, { './schema_engine_bg.js': engine });
  engine.__wbg_set_wasm(instance.exports);
  instance.exports['__wbindgen_start']!();
  return engine;
}
